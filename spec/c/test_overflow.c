/* SPDX-License-Identifier: MIT */
#include "../../runtime/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/stack.h"
#include "../../runtime/switch.h"
#include "test.h"

/* A child faults on purpose, which valgrind would count and turn into an exit status. */
#if CRUN__VALGRIND
#include <valgrind/valgrind.h>
#define IGNORE_CHECKER() VALGRIND_DISABLE_ERROR_REPORTING
#else
#define IGNORE_CHECKER() ((void)0)
#endif

/* What a child process said on stderr, and how it ended. */
struct outcome {
    char text[65536];
    int status;
};

static void read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t n = 1;
    while (n > 0 && length < size - 1) {
        n = read(fd, text + length, size - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    text[length] = '\0';
}

/* Runs body in a child; a body that returns exits with 0. */
static void run_child(struct outcome *out, void (*body)(void))
{
    int ends[2];
    *out = (struct outcome){.status = -1};
    REQUIRE(pipe(ends) == 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)dup2(ends[1], STDERR_FILENO);
        IGNORE_CHECKER();
        body();
        _exit(0);
    }
    (void)close(ends[1]);
    read_all(ends[0], out->text, sizeof out->text);
    (void)close(ends[0]);
    CHECK(pid > 0 && waitpid(pid, &out->status, 0) == pid);
}

static void check_died_of(const struct outcome *out, int sig)
{
    CHECK(WIFSIGNALED(out->status));
    CHECK_EQ_INT(WIFSIGNALED(out->status) ? WTERMSIG(out->status) : -1, sig);
}

/* An emulator or checker may add its own words about a death, but only after ours. */
static void check_said(const struct outcome *out, const char *text)
{
    size_t length = strlen(text);
    CHECK(strncmp(out->text, text, length) == 0);
    CHECK(strstr(out->text + length, "overflow in ") == NULL);
    CHECK(strstr(out->text + length, "survived") == NULL);
}

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

/* A context on a stack of its own, and the report that knows it. */
struct runaway {
    crun__context own;
    crun__context context;
    crun__stack stack;
    const char *name;
};

static bool report(void *addr, void *arg)
{
    const struct runaway *r = arg;
    char room[16 * 1024]; /* a report that needs a fair part of the alternate stack */
    if (!crun__stack_guards(&r->stack, addr)) {
        return false;
    }
    memset(room, 0, sizeof room);
    (void)snprintf(room, sizeof room, "stack overflow in %s\n", r->name);
    say(room);
    return true;
}

__attribute__((noinline)) static int recurse(volatile int *depth)
{
    volatile char ballast[256];
    ballast[0] = (char)*depth;
    *depth += 1;
    if (*depth < 0) {
        return 0; /* never, but the compiler is not to know */
    }
    return recurse(depth) + ballast[0];
}

static void overflow(void *arg)
{
    volatile int depth = 0;
    struct runaway *r = arg;
    depth = recurse(&depth);
    crun__context_switch(&r->context, &r->own);
}

static void run_away(const char *name, void (*entry)(void *))
{
    static struct runaway r;
    r.name = name;
    crun__context_init_thread(&r.own);
    if (crun__stack_map(&r.stack, 0) != 0 || crun__overflow_enter_thread(report, &r) != 0) {
        _exit(3);
    }
    crun__context_init(&r.context, r.stack.lo, r.stack.size, entry, &r);
    crun__context_switch(&r.own, &r.context);
}

static void overflow_in_main_thread(void)
{
    run_away("main's child", overflow);
}

TEST(an_overflow_is_reported_once_and_kills)
{
    struct outcome out;
    run_child(&out, overflow_in_main_thread);
    check_died_of(&out, SIGSEGV);
    check_said(&out, "stack overflow in main's child\n");
}

static void *overflow_thread(void *arg)
{
    run_away(arg, overflow);
    return NULL;
}

static void overflow_in_other_thread(void)
{
    pthread_t thread;
    static char name[] = "a thread";
    if (pthread_create(&thread, NULL, overflow_thread, name) == 0) {
        (void)pthread_join(thread, NULL);
    }
}

TEST(an_overflow_in_another_thread_is_reported_too)
{
    struct outcome out;
    run_child(&out, overflow_in_other_thread);
    check_died_of(&out, SIGSEGV);
    check_said(&out, "stack overflow in a thread\n");
}

/* A place no process has, kept out of the compiler's sight. */
static volatile uintptr_t nowhere = 16;

static void other_fault(void)
{
    static struct runaway r;
    (void)signal(SIGSEGV, SIG_DFL);
    r.name = "nobody";
    (void)crun__stack_map(&r.stack, 0);
    (void)crun__overflow_enter_thread(report, &r);
    *(char *)nowhere = 1;
}

TEST(another_fault_gets_the_default_action)
{
    struct outcome out;
    run_child(&out, other_fault);
    check_died_of(&out, SIGSEGV);
    check_said(&out, "");
}

static void earlier(int sig)
{
    say(sig == SIGSEGV ? "the application's handler\n" : "another signal\n");
    _exit(5);
}

static void fault_with_earlier_handler(void)
{
    static struct runaway r;
    (void)signal(SIGSEGV, earlier);
    (void)crun__stack_map(&r.stack, 0);
    (void)crun__overflow_enter_thread(report, &r);
    *(char *)nowhere = 1;
}

static void earlier_info(int sig, siginfo_t *info, void *ucontext)
{
    char text[64];
    (void)ucontext;
    (void)snprintf(text, sizeof text, "%d at %p\n", sig == SIGSEGV, info->si_addr);
    say(text);
    _exit(6);
}

static void fault_with_earlier_info_handler(void)
{
    static struct runaway r;
    struct sigaction action = {.sa_sigaction = earlier_info, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)crun__stack_map(&r.stack, 0);
    (void)crun__overflow_enter_thread(report, &r);
    *(char *)nowhere = 1;
}

TEST(another_fault_goes_to_the_handler_that_was_there_before)
{
    struct outcome out;
    run_child(&out, fault_with_earlier_handler);
    CHECK(WIFEXITED(out.status) && WEXITSTATUS(out.status) == 5);
    check_said(&out, "the application's handler\n");
    run_child(&out, fault_with_earlier_info_handler);
    CHECK(WIFEXITED(out.status) && WEXITSTATUS(out.status) == 6);
    check_said(&out, "1 at 0x10\n");
}

static void overflow_with_earlier_handler(void)
{
    (void)signal(SIGSEGV, earlier);
    run_away("the foreground", overflow);
}

TEST(our_overflow_does_not_go_to_the_handler_that_was_there_before)
{
    struct outcome out;
    run_child(&out, overflow_with_earlier_handler);
    check_died_of(&out, SIGSEGV);
    check_said(&out, "stack overflow in the foreground\n");
}

static void sent_signal(void)
{
    static struct runaway r;
    (void)signal(SIGSEGV, SIG_DFL);
    (void)crun__overflow_enter_thread(report, &r);
    (void)raise(SIGSEGV);
    say("survived\n");
}

static void sent_ignored_signal(void)
{
    static struct runaway r;
    (void)signal(SIGBUS, SIG_IGN);
    (void)crun__overflow_enter_thread(report, &r);
    (void)raise(SIGBUS);
    say("survived\n");
}

TEST(a_signal_that_was_sent_acts_as_without_us)
{
    struct outcome out;
    run_child(&out, sent_signal);
    check_died_of(&out, SIGSEGV);
    check_said(&out, "");
    run_child(&out, sent_ignored_signal);
    CHECK_EQ_INT(out.status, 0);
    check_said(&out, "survived\n");
}

TEST(leaving_puts_everything_back)
{
    struct runaway r = {0};
    struct sigaction before = {0}, during = {0}, after = {0};
    stack_t alt_before = {0}, alt_during = {0}, alt_after = {0};
    CHECK(sigaction(SIGSEGV, NULL, &before) == 0 && sigaltstack(NULL, &alt_before) == 0);
    for (int i = 0; i < 3; i++) {
        REQUIRE(crun__overflow_enter_thread(report, &r) == 0);
        CHECK_EQ_INT(crun__overflow_enter_thread(report, &r), -EBUSY);
        CHECK(sigaction(SIGSEGV, NULL, &during) == 0 && sigaltstack(NULL, &alt_during) == 0);
        CHECK(during.sa_sigaction != before.sa_sigaction);
        CHECK(!(alt_during.ss_flags & SS_DISABLE) && alt_during.ss_size >= 32 * 1024);
        crun__overflow_leave_thread();
        crun__overflow_leave_thread();
    }
    CHECK(sigaction(SIGSEGV, NULL, &after) == 0 && sigaltstack(NULL, &alt_after) == 0);
    CHECK(after.sa_sigaction == before.sa_sigaction);
    CHECK_EQ_INT(alt_after.ss_flags & SS_DISABLE, alt_before.ss_flags & SS_DISABLE);
    if (!(alt_before.ss_flags & SS_DISABLE)) {
        CHECK_EQ_PTR(alt_after.ss_sp, alt_before.ss_sp);
    }
}

static void check_alt_stack(size_t size, bool kept)
{
    struct runaway r = {0};
    stack_t before = {0}, now = {0};
    stack_t own = {.ss_sp = malloc(size), .ss_size = size};
    REQUIRE(own.ss_sp != NULL && sigaltstack(&own, &before) == 0);
    CHECK_EQ_INT(crun__overflow_enter_thread(report, &r), 0);
    CHECK(sigaltstack(NULL, &now) == 0);
    CHECK((now.ss_sp == own.ss_sp) == kept);
    crun__overflow_leave_thread();
    CHECK(sigaltstack(NULL, &now) == 0);
    CHECK_EQ_PTR(now.ss_sp, own.ss_sp);
    CHECK(sigaltstack(&before, NULL) == 0);
    free(own.ss_sp);
}

TEST(an_applications_alternate_stack_is_kept_if_large_enough)
{
    check_alt_stack(128 * 1024, true);
    check_alt_stack(16 * 1024, false);
}

TEST(a_handler_on_top_of_ours_stays)
{
    struct runaway r = {0};
    struct sigaction before, now, none = {.sa_handler = SIG_DFL};
    struct sigaction top = {.sa_handler = earlier};
    CHECK(sigaction(SIGBUS, &none, &before) == 0);
    REQUIRE(crun__overflow_enter_thread(report, &r) == 0);
    CHECK(sigaction(SIGBUS, &top, &none) == 0);
    crun__overflow_leave_thread();
    CHECK(sigaction(SIGBUS, NULL, &now) == 0);
    CHECK(now.sa_handler == earlier);
    /* and ours comes back when the top one is taken away as it should be */
    CHECK(sigaction(SIGBUS, &none, NULL) == 0);
    REQUIRE(crun__overflow_enter_thread(report, &r) == 0);
    crun__overflow_leave_thread();
    CHECK(sigaction(SIGBUS, NULL, &now) == 0);
    CHECK(now.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGBUS, &before, NULL) == 0);
}

TEST_MAIN
