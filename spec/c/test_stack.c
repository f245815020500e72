/* SPDX-License-Identifier: MIT */
#include "../../runtime/stack.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/sanitizer.h"
#include "test.h"

#if CRUN__VALGRIND
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* More than guards of their own mapping each could be had with the kernel's default limit. */
#define MANY 40000

/* Runs body in a child process and returns its wait status. */
static int status_of(void (*body)(void))
{
    int status = -1;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        body();
        (void)fflush(NULL);
        _exit(test_state.checks_failed == 0 ? 0 : 1);
    }
    CHECK(pid > 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

/* The kernel counts memory for itself apart from what it backs with pages. */
static long status_kb(const char *field)
{
    char line[256];
    long kb = -1;
    size_t length = strlen(field);
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            kb = strtol(line + length + 1, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kb;
}

static int mappings(void)
{
    int lines = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    for (int c = 0; file != NULL && (c = fgetc(file)) != EOF;) {
        lines += c == '\n';
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return lines;
}

TEST(a_stack_is_usable_from_end_to_end)
{
    crun__stack s;
    REQUIRE(crun__stack_map(&s, 0) == 0);
    CHECK_EQ_INT(s.size, CRUN_STACK_SIZE);
    CHECK(s.guarded);
    for (size_t i = 0; i < s.size; i += 1024) {
        CHECK_EQ_INT(s.lo[i], 0);
        s.lo[i] = 1;
    }
    s.lo[s.size - 1] = 1;
    crun__stack_unmap(&s);
    CHECK_EQ_PTR(s.lo, NULL);
}

TEST(sizes_are_rounded_up_to_pages)
{
    crun__stack s;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    REQUIRE(crun__stack_map(&s, 1) == 0);
    CHECK_EQ_INT(s.size, page);
    CHECK_EQ_INT((uintptr_t)s.lo % page, 0);
    crun__stack_unmap(&s);
    REQUIRE(crun__stack_map(&s, 3 * page + 1) == 0);
    CHECK_EQ_INT(s.size, 4 * page);
    crun__stack_unmap(&s);
}

TEST(an_impossible_size_is_an_error_and_touches_nothing)
{
    crun__stack s = {.size = 7};
    CHECK_EQ_INT(crun__stack_map(&s, SIZE_MAX), -ENOMEM);
    CHECK(crun__stack_map(&s, SIZE_MAX / 4) < 0);
    CHECK_EQ_INT(s.size, 7);
}

TEST(the_guard_is_what_lies_just_below)
{
    crun__stack s;
    REQUIRE(crun__stack_map(&s, 0) == 0);
    CHECK(crun__stack_guards(&s, s.lo - 1));
    CHECK(crun__stack_guards(&s, s.lo - 4096));
    CHECK(!crun__stack_guards(&s, s.lo));
    CHECK(!crun__stack_guards(&s, s.lo + s.size));
    CHECK(!crun__stack_guards(&s, s.lo - 1024 * 1024));
    CHECK(!crun__stack_guards(&s, NULL));
    s.guarded = false;
    CHECK(!crun__stack_guards(&s, s.lo - 1));
    crun__stack_unmap(&s);
}

static void touch_guard(ptrdiff_t below)
{
    crun__stack s;
    (void)signal(SIGSEGV, SIG_DFL); /* not a sanitizer's report */
    if (crun__stack_map(&s, 0) == 0) {
        *(volatile char *)(s.lo - below) = 1;
    }
}

static void touch_guard_top(void)
{
    touch_guard(1);
}

/* An array larger than a page may step over the first page of the guard. */
static void touch_guard_deep(void)
{
    touch_guard(64 * 1024);
}

TEST(touching_the_guard_kills)
{
    int status = status_of(touch_guard_top);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = status_of(touch_guard_deep);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST(trim_frees_all_but_the_top)
{
    crun__stack s;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    REQUIRE(crun__stack_map(&s, 64 * page) == 0);
    memset(s.lo, 1, s.size);
    crun__stack_trim(&s, page + 1);
    CHECK_EQ_INT(s.lo[s.size - 2 * page], 1);
    CHECK_EQ_INT(s.lo[s.size - 2 * page - 1], 0);
    CHECK_EQ_INT(s.lo[0], 0);
    memset(s.lo, 1, s.size);
    crun__stack_trim(&s, s.size);
    crun__stack_trim(&s, SIZE_MAX / 2);
    CHECK_EQ_INT(s.lo[0], 1);
    crun__stack_trim(&s, 0);
    CHECK_EQ_INT(s.lo[s.size - 1], 0);
    crun__stack_unmap(&s);
}

TEST(the_mapping_limit_is_known_on_linux)
{
    CHECK(crun__stack_map_limit() > 1000);
}

static void *map_and_unmap(void *arg)
{
    crun__stack s[16];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 16; i++) {
            *(int *)arg += crun__stack_map(&s[i], 0) != 0 || !s[i].guarded;
        }
        for (int i = 0; i < 16; i++) {
            crun__stack_unmap(&s[i]);
        }
    }
    return NULL;
}

TEST(threads_may_map_at_once)
{
    pthread_t threads[4];
    int failures[4] = {0};
    for (int i = 0; i < 4; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, map_and_unmap, &failures[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(pthread_join(threads[i], NULL), 0);
        CHECK_EQ_INT(failures[i], 0);
    }
}

/* Exit status of a child that cannot do what it was started for. */
#define CANNOT 77

/* Makes the kernel of this process, a child, one that does not know light guards. */
static void forget_light_guards(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(CANNOT);
    }
}

static void old_kernel_guards(void)
{
    crun__stack s;
    forget_light_guards();
    int before = mappings();
    REQUIRE(crun__stack_map(&s, 0) == 0);
    CHECK(s.guarded);
    CHECK(mappings() > before);
    (void)signal(SIGSEGV, SIG_DFL);
    s.lo[-1] = 1;
}

TEST(without_light_guards_the_guard_is_a_mapping)
{
    int status = status_of(old_kernel_guards);
    if (status == CANNOT << 8) {
        SKIP("no system call filters here");
    }
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* What comes of mapping MANY stacks. */
struct crowd {
    crun__stack *stacks;
    int mapped;
    int guarded;
    int error;
};

static void map_crowd(struct crowd *c)
{
    *c = (struct crowd){.stacks = calloc(MANY, sizeof *c->stacks)};
    REQUIRE(c->stacks != NULL);
    while (c->mapped < MANY) {
        c->error = crun__stack_map(&c->stacks[c->mapped], 0);
        if (c->error != 0) {
            break;
        }
        c->guarded += c->stacks[c->mapped].guarded;
        c->mapped++;
    }
}

static void unmap_crowd(struct crowd *c)
{
    for (int i = 0; i < c->mapped; i++) {
        crun__stack_unmap(&c->stacks[i]);
    }
    free(c->stacks);
}

static void crowd_touches_little(void)
{
    struct crowd c;
    long before = status_kb("VmRSS");
    int maps_before = mappings();
    map_crowd(&c);
    REQUIRE(c.mapped == MANY);
    CHECK_EQ_INT(c.guarded, MANY);
    CHECK(mappings() < maps_before + MANY / 10);
    CHECK(status_kb("VmRSS") - before < MANY / 4);
    for (int i = 0; i < MANY; i++) {
        crun__stack *s = &c.stacks[(long)i * 7919 % MANY];
        s->lo[s->size - 1] = 1;
    }
    /* one page each, no huge ones, and something for malloc */
    CHECK(status_kb("VmRSS") - before < 5 * MANY);
    for (int i = 0; i < c.mapped; i++) {
        crun__stack_trim(&c.stacks[i], 0);
    }
    CHECK(status_kb("VmRSS") - before < MANY / 4);
    unmap_crowd(&c);
    CHECK(status_kb("VmPTE") < MANY / 10);
}

static void crowd_beyond_the_limit(void)
{
    struct crowd c;
    forget_light_guards();
    map_crowd(&c);
    CHECK(c.mapped == MANY || c.error == -ENOMEM);
    CHECK(c.guarded <= crun__stack_map_limit());
    CHECK(c.mapped > c.guarded);
    for (int i = 0; i < c.mapped; i++) {
        c.stacks[i].lo[0] = 1;
        c.stacks[i].lo[c.stacks[i].size - 1] = 1;
    }
    unmap_crowd(&c);
}

static const char *no_room_for_a_crowd(void)
{
    if (CRUN__ASAN || CRUN__TSAN || RUNNING_ON_VALGRIND) {
        return "a checker's shadow memory is too large for it";
    }
    if (crun__stack_map_limit() > 2 * MANY) {
        return "this system's mapping limit is out of reach";
    }
    return NULL;
}

/* In a child, since the first stack of a process is the telling one. */
static void want_light_guards(void)
{
    crun__stack s;
    int before = mappings();
    _exit(crun__stack_map(&s, 0) == 0 && mappings() <= before + 1 ? 0 : 1);
}

TEST(more_stacks_than_mappings_touch_little_memory)
{
    if (no_room_for_a_crowd() != NULL) {
        SKIP(no_room_for_a_crowd());
    }
    if (status_of(want_light_guards) != 0) {
        SKIP("this kernel has no guards without mappings");
    }
    CHECK_EQ_INT(status_of(crowd_touches_little), 0);
}

TEST(beyond_the_mapping_limit_stacks_come_without_guards)
{
    if (no_room_for_a_crowd() != NULL) {
        SKIP(no_room_for_a_crowd());
    }
    int status = status_of(crowd_beyond_the_limit);
    if (status == CANNOT << 8) {
        SKIP("no system call filters here");
    }
    CHECK_EQ_INT(status, 0);
}

static void map_until_no_memory(void)
{
    struct crowd c;
    struct rlimit limit = {256u << 20, 256u << 20};
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    map_crowd(&c);
    CHECK_EQ_INT(c.error, -ENOMEM);
    CHECK(c.mapped > 100 && c.mapped < 256);
    unmap_crowd(&c);
    map_crowd(&c);
    CHECK(c.mapped > 100);
    unmap_crowd(&c);
}

TEST(without_address_space_there_is_an_error)
{
    if (CRUN__ASAN || CRUN__TSAN || RUNNING_ON_VALGRIND) {
        SKIP("a checker's shadow memory does not fit the limit");
    }
    CHECK_EQ_INT(status_of(map_until_no_memory), 0);
}

TEST_MAIN
