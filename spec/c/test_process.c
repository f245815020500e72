/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../runtime/process.h"
#include "net_support.h"

/* --- starting ----------------------------------------------------------------------------- */

static char *true_args[] = {"true", NULL};

static crun_process_options options_of(char **args)
{
    return (crun_process_options){
        .size = sizeof(crun_process_options), .file = args[0], .args = args};
}

static crun_process *start_process(const crun_process_options *options)
{
    crun_process *process = NULL;
    if (crun_process_start(hub, options, &process) < 0)
        abort();
    return process;
}

static crun_process *start_shell(char *script, crun_process_fd *fds, size_t fd_count)
{
    char *args[] = {"sh", "-c", script, NULL};
    crun_process_options o = options_of(args);
    o.fds = fds;
    o.fd_count = fd_count;
    return start_process(&o);
}

/* A child that ends when the writing end of its standard input is closed. */
static crun_process *start_cat(int *writing)
{
    int fds[2];
    if (crun_pipe(fds) != 0)
        abort();
    crun_process_fd source = {.target = 0, .source = fds[0]};
    crun_process *process = start_shell("read x; exit 3", &source, 1);
    close(fds[0]);
    *writing = fds[1];
    return process;
}

static bool is_child(pid_t pid)
{
    siginfo_t info;
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

TEST(a_process_ends_with_its_code)
{
    begin();
    crun_exit end_of;
    crun_process *process = start_shell("exit 7", NULL, 0);
    CHECK(crun_process_pid(process) > 0);
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    CHECK_EQ_INT(end_of.code, 7);
    CHECK_EQ_INT(end_of.signal, 0);
    CHECK_EQ_INT(crun_process_poll(process, &end_of), 1);
    CHECK(!is_child(crun_process_pid(process)));
    CHECK(crun_process_kill(process, SIGKILL) < 0);
    crun_process_release(process);
    turn();
    finish();
}

TEST(a_signal_is_no_code)
{
    begin();
    crun_exit end_of;
    int writing;
    crun_process *process = start_cat(&writing);
    CHECK_EQ_INT(crun_process_poll(process, &end_of), 0);
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(5)), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_process_kill(process, SIGTERM), 0);
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    CHECK_EQ_INT(end_of.code, -SIGTERM);
    CHECK_EQ_INT(end_of.signal, SIGTERM);
    close(writing);
    crun_process_release(process);
    turn();
    finish();
}

/* Streams ignore it on behalf of this program, and of no other. */
TEST(sigpipe_is_not_ignored_in_children)
{
    begin();
    struct sigaction old, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &old);
    crun_exit end_of;
    crun_process *process = start_shell("kill -PIPE $$", NULL, 0);
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    CHECK_EQ_INT(end_of.signal, SIGPIPE);
    crun_process_release(process);
    sigaction(SIGPIPE, &old, NULL);
    turn();
    finish();
}

struct waiter {
    crun_process *process;
    crun_exit end;
    int result;
};

static int wait_for(void *arg)
{
    struct waiter *w = arg;
    w->result = crun_process_wait(w->process, &w->end, CRUN_FOREVER);
    return w->result == CRUN_ECANCELED ? CRUN_ECANCELED : 0;
}

TEST(waiters_are_many_and_one_may_leave)
{
    begin();
    int writing;
    crun_process *process = start_cat(&writing);
    struct waiter waiters[3];
    crun_task *tasks[3];
    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){.process = process, .result = 1};
        tasks[i] = launch(wait_for, &waiters[i]);
    }
    crun_task_cancel(tasks[1]);
    end(tasks[1]);
    CHECK_EQ_INT(waiters[1].result, CRUN_ECANCELED);
    close(writing);
    for (int i = 0; i < 3; i += 2) {
        end(tasks[i]);
        CHECK_EQ_INT(waiters[i].result, 0);
        CHECK_EQ_INT(waiters[i].end.code, 3);
    }
    crun_process_release(process);
    turn();
    finish();
}

TEST(the_first_to_end_can_be_selected)
{
    begin();
    int writing[2];
    crun_process *processes[] = {start_cat(&writing[0]), start_cat(&writing[1])};
    crun_case cases[] = {{.kind = CRUN_CASE_PROCESS, .on.process = processes[0]},
                         {.kind = CRUN_CASE_PROCESS, .on.process = processes[1]}};
    CHECK_EQ_INT(crun_select(cases, 2, in_ms(5)), CRUN_ETIMEDOUT);
    close(writing[1]);
    CHECK_EQ_INT(crun_select(cases, 2, in_ms(20000)), 1);
    CHECK_EQ_INT(cases[1].result, 0);
    crun_exit end_of;
    CHECK_EQ_INT(crun_process_poll(processes[1], &end_of), 1);
    CHECK_EQ_INT(end_of.code, 3);
    CHECK_EQ_INT(crun_select(cases, 2, CRUN_NOWAIT), 1);
    CHECK_EQ_INT(crun_select(cases, 1, CRUN_NOWAIT), CRUN_ETIMEDOUT);
    close(writing[0]);
    CHECK_EQ_INT(crun_select(cases, 1, in_ms(20000)), 0);
    crun_process_release(processes[0]);
    crun_process_release(processes[1]);
    turn();
    finish();
}

TEST(what_cannot_be_started_leaves_nothing)
{
    begin();
    crun_process *process;
    crun_process_step step;
    char *missing[] = {"no-such-program", NULL};
    crun_process_options o = options_of(missing);
    o.step = &step;
    CHECK_EQ_INT(crun_process_start(hub, &o, &process), -ENOENT);
    CHECK_EQ_INT(step, CRUN_PROCESS_EXEC);
    o = options_of(true_args);
    o.step = &step;
    o.cwd = "/no/such/folder";
    CHECK_EQ_INT(crun_process_start(hub, &o, &process), -ENOENT);
    CHECK_EQ_INT(step, CRUN_PROCESS_CWD);
    o.cwd = NULL;
    crun_process_fd fd = {.target = 5, .source = 9999};
    o.fds = &fd;
    o.fd_count = 1;
    CHECK_EQ_INT(crun_process_start(hub, &o, &process), -EBADF);
    CHECK_EQ_INT(step, CRUN_PROCESS_FDS);
    fd.target = 256;
    CHECK_EQ_INT(crun_process_start(hub, &o, &process), CRUN_EINVAL);
    CHECK_EQ_INT(step, CRUN_PROCESS_PREPARE);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    finish();
}

/* Each shortage of descriptors on the way is an error, and is made good. */
TEST(without_descriptors_nothing_is_left)
{
    begin();
    struct rlimit old, low;
    int lowest = dup(0);
    close(lowest);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
    crun_process_options o = options_of(true_args);
    for (int spare = 0; spare < 6; spare++) {
        crun_process *process = NULL;
        low = (struct rlimit){(rlim_t)(lowest + spare), old.rlim_max};
        setrlimit(RLIMIT_NOFILE, &low);
        int rc = crun_process_start(hub, &o, &process);
        setrlimit(RLIMIT_NOFILE, &old);
        if (rc == 0) {
            crun_exit end_of;
            CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
            crun_process_release(process);
        } else {
            CHECK_EQ_INT(rc, -EMFILE);
            CHECK(spare < 3);
        }
        turn();
        int fd = dup(0);
        CHECK_EQ_INT(fd, lowest);
        close(fd);
        CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    }
    finish();
}

/* --- without its hub ---------------------------------------------------------------------- */

TEST(a_child_outlives_its_hub_and_is_reaped_later)
{
    begin();
    int writing;
    crun_process *process = start_cat(&writing);
    pid_t pid = crun_process_pid(process);
    crun_hub_free(hub);
    crun_exit end_of;
    CHECK_EQ_INT(crun_process_poll(process, &end_of), CRUN_ECLOSED);
    crun_process_release(process);
    CHECK(is_child(pid));
    close(writing);
    siginfo_t info;
    CHECK_EQ_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    begin();
    process = start_process(&(crun_process_options){
        .size = sizeof(crun_process_options), .file = "true", .args = true_args});
    CHECK(!is_child(pid));
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    crun_process_release(process);
    turn();
    finish();
}

TEST(a_released_child_is_reaped)
{
    begin();
    int writing;
    crun_process *process = start_cat(&writing);
    pid_t pid = crun_process_pid(process);
    crun_process_release(process);
    CHECK_EQ_INT(stats().handles, 1);
    close(writing);
    for (int i = 0; i < 10000 && is_child(pid); i++)
        crun_sleep_until(hub, in_ms(1));
    CHECK(!is_child(pid));
    turn();
    finish();
}

TEST(an_exit_that_somebody_else_took_is_an_error)
{
    begin();
    int writing;
    crun_exit end_of;
    crun_process *process = start_cat(&writing);
    close(writing);
    CHECK_EQ_INT(waitpid(crun_process_pid(process), NULL, 0), crun_process_pid(process));
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), -ECHILD);
    CHECK_EQ_INT(crun_process_poll(process, &end_of), -ECHILD);
    crun_process_release(process);
    turn();
    finish();
}

/* --- on a system before 2019 -------------------------------------------------------------- */

#ifdef SYS_pidfd_open
/* From now on the system says that it has no such call. */
static bool forbid(unsigned call)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void wait_by_signals(void)
{
    begin();
    enum { CHILDREN = 5 };
    crun_process *processes[CHILDREN];
    int writing[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        processes[i] = start_cat(&writing[i]);
    crun_exit end_of;
    CHECK_EQ_INT(crun_process_wait(processes[0], &end_of, in_ms(5)), CRUN_ETIMEDOUT);
    for (int i = CHILDREN; i-- > 0;) {
        close(writing[i]);
        CHECK_EQ_INT(crun_process_wait(processes[i], &end_of, in_ms(20000)), 0);
        CHECK_EQ_INT(end_of.code, 3);
        crun_process_release(processes[i]);
    }
    turn();
    finish();
}

TEST(where_children_have_no_descriptors_sigchld_tells)
{
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool able = forbid(SYS_pidfd_open);
        if (able)
            wait_by_signals();
        _exit(able ? test_state.checks_failed != 0 : 77);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        SKIP("no filter for system calls");
    CHECK_EQ_INT(status, 0);
}
#endif

/* --- groups ------------------------------------------------------------------------------- */

TEST(a_group_can_be_killed_after_its_leader)
{
    begin();
    int fds[2];
    REQUIRE(crun_pipe(fds) == 0);
    crun_stream *reading;
    REQUIRE(crun_stream_open(hub, fds[0], &reading) == 0);
    crun_process_fd out = {.target = 1, .source = fds[1]};
    char *args[] = {"sh", "-c", "sleep 1000 & exit 0", NULL};
    crun_process_options o = options_of(args);
    o.fds = &out;
    o.fd_count = 1;
    o.group = true;
    crun_process *process = start_process(&o);
    close(fds[1]);
    crun_exit end_of;
    char byte;
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    CHECK_EQ_INT(end_of.code, 0);
    CHECK_EQ_INT(crun_stream_read(reading, &byte, 1, in_ms(5)), CRUN_ETIMEDOUT);
    CHECK_EQ_INT(crun_process_kill_group(process, SIGKILL), 0);
    CHECK_EQ_INT(crun_stream_read(reading, &byte, 1, in_ms(20000)), 0);
    crun_process_release(process);
    crun_stream_release(reading);
    turn();
    finish();
}

/* --- descriptors -------------------------------------------------------------------------- */

static bool closes_on_exec(int fd)
{
    return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void check_closing(void close_from(int low))
{
    int fds[40], low = 0;
    for (int i = 0; i < 40; i++) {
        fds[i] = dup(0);
        low = i == 20 ? fds[i] : low;
    }
    int far = fcntl(0, F_DUPFD, 900);
    close_from(low);
    for (int i = 0; i < 40; i++) {
        CHECK_EQ_INT(closes_on_exec(fds[i]), fds[i] >= low);
        close(fds[i]);
    }
    CHECK(closes_on_exec(far));
    close(far);
}

/* What is in the place of standard streams is not the child's: it would keep a start waiting. */
TEST(a_start_needs_no_standard_streams)
{
    begin();
    char *args[] = {"sleep", "3", NULL};
    crun_process_options o = options_of(args);
    crun_exit end_of;
    int in = fcntl(0, F_DUPFD_CLOEXEC, 10), out = fcntl(1, F_DUPFD_CLOEXEC, 10);
    close(0);
    close(1);
    crun_process *process = start_process(&o);
    CHECK_EQ_INT(crun_process_poll(process, &end_of), 0);
    CHECK_EQ_INT(crun_process_kill(process, SIGKILL), 0);
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    crun_process_release(process);
    turn();
    dup2(in, 0);
    dup2(out, 1);
    close(in);
    close(out);
    finish();
}

TEST(a_start_needs_no_environment)
{
    begin();
    crun_process_options o = options_of(true_args);
    crun_exit end_of;
    char **saved = environ;
    environ = NULL;
    crun_process *process = start_process(&o);
    environ = saved;
    CHECK_EQ_INT(crun_process_wait(process, &end_of, in_ms(20000)), 0);
    CHECK_EQ_INT(end_of.code, 0);
    crun_process_release(process);
    turn();
    finish();
}

TEST(descriptors_from_one_on_are_closed_by_exec)
{
    check_closing(crun__close_on_exec_from);
}

TEST(so_they_are_where_the_system_has_no_call_for_it)
{
    check_closing(crun__close_on_exec_from_by_list);
}

/* --- threads ------------------------------------------------------------------------------ */

enum { ROUNDS = 30 };

/* Its own hub; each child must see the end of its input at once, whatever others hold. */
static void *start_many(void *arg)
{
    crun_hub *own;
    intptr_t bad = crun_hub_new(&own, NULL) != 0;
    (void)arg;
    for (int i = 0; i < ROUNDS && !bad; i++) {
        int fds[2];
        crun_process *process;
        crun_exit end_of;
        char *args[] = {"cat", NULL};
        bad |= crun_pipe(fds) != 0;
        crun_process_fd source = {.target = 0, .source = fds[0]};
        crun_process_options o = options_of(args);
        o.fds = &source;
        o.fd_count = 1;
        bad |= crun_process_start(own, &o, &process) != 0;
        close(fds[0]);
        close(fds[1]);
        if (bad)
            break;
        bad |= crun_process_wait(process, &end_of, crun_deadline(own, 20)) != 0 || end_of.code != 0;
        crun_process_release(process);
    }
    crun_hub_free(own);
    return (void *)bad;
}

TEST(threads_start_children_side_by_side)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, start_many, NULL) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        CHECK_EQ_PTR(bad, NULL);
    }
}

TEST_MAIN
