/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <crun/error.h>
#include <crun/stream.h>

#include "process.h"

enum { MOST_TARGETS = 256, CANNOT_EXEC = 127 };

/* What the child works with. It may only use what is async-signal-safe, and no memory but this. */
typedef struct plan {
    const crun_process_options *options;
    crun_process_fd *fds; /* a copy, whose sources move */
    char *const *env;
    const char *search; /* where to look for the program; NULL: the file is a path */
    char *path;         /* room for the longest candidate */
    int high;           /* above all targets and 2 */
    int report;         /* the end of a pipe that exec closes */
} plan;

typedef struct failure {
    int code;
    crun_process_step step;
} failure;

/* --- in the child ------------------------------------------------------------------------- */

static _Noreturn void give_up(const plan *p, crun_process_step step)
{
    failure f = {-errno, step};
    ssize_t rc;
    do
        rc = write(p->report, &f, sizeof f);
    while (rc < 0 && errno == EINTR);
    _exit(CANNOT_EXEC);
}

/* Out of the way of the targets. Returns -1 and errno if that fails. */
static int lift(int fd, int high)
{
    return fd >= 0 && fd < high ? fcntl(fd, F_DUPFD_CLOEXEC, high) : fd;
}

static int open_source(const crun_process_fd *f)
{
    int fd = f->source;
    if (fd == CRUN_FD_NULL)
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    if (f->blocking) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || ((flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0))
            return -1;
    }
    return fd;
}

static void lift_all(plan *p)
{
    int report = lift(p->report, p->high);
    if (report < 0)
        give_up(p, CRUN_PROCESS_FDS);
    p->report = report;
    for (size_t i = 0; i < p->options->fd_count; i++) {
        int fd = lift(open_source(&p->fds[i]), p->high);
        if (fd < 0)
            give_up(p, CRUN_PROCESS_FDS);
        p->fds[i].source = fd;
    }
}

static bool is_target(const plan *p, int fd)
{
    for (size_t i = 0; i < p->options->fd_count; i++)
        if (p->fds[i].target == fd)
            return true;
    return fd <= 2;
}

static void place_descriptors(plan *p)
{
    lift_all(p);
    for (size_t i = 0; i < p->options->fd_count; i++)
        if (dup2(p->fds[i].source, p->fds[i].target) < 0)
            give_up(p, CRUN_PROCESS_FDS);
    for (int fd = 3; fd < p->high; fd++)
        if (!is_target(p, fd))
            close(fd);
    crun__close_on_exec_from(p->high);
}

/* Handlers would run in the parent's memory; SIGPIPE is ignored on the streams' behalf only. */
static void reset_signals(void)
{
    struct sigaction action, standard = {.sa_handler = SIG_DFL};
    for (int n = 1; n < NSIG; n++) {
        if (sigaction(n, NULL, &action) < 0)
            continue;
        bool ignored = !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_IGN;
        bool standing = !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL;
        if (!standing && (!ignored || n == SIGPIPE))
            sigaction(n, &standard, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Writes the next candidate of a PATH to the plan. Returns: where the next begins, or NULL. */
static const char *candidate(const plan *p, const char *from)
{
    char *to = p->path;
    while (*from && *from != ':')
        *to++ = *from++;
    if (to > p->path)
        *to++ = '/';
    const char *name = p->options->file;
    while ((*to++ = *name++))
        continue;
    return *from ? from + 1 : NULL;
}

static bool look_further(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG ||
           error == ELOOP || error == ESTALE || error == ENODEV;
}

/* As execvp does, but what is no program is not taken for a script of the shell's. */
static void execute(const plan *p)
{
    const crun_process_options *o = p->options;
    bool forbidden = false;
    const char *from = p->search;
    if (!from) {
        execve(o->file, o->args, p->env);
        return;
    }
    while (from) {
        from = candidate(p, from);
        execve(p->path, o->args, p->env);
        if (!look_further(errno))
            return;
        forbidden = forbidden || errno == EACCES;
    }
    errno = forbidden ? EACCES : ENOENT;
}

static _Noreturn void child(plan *p)
{
    const crun_process_options *o = p->options;
    if (o->session ? setsid() < 0 : o->group && setpgid(0, 0) < 0)
        give_up(p, CRUN_PROCESS_GROUP);
    place_descriptors(p);
    if (o->cwd && chdir(o->cwd) < 0)
        give_up(p, CRUN_PROCESS_CWD);
    reset_signals();
    execute(p);
    give_up(p, CRUN_PROCESS_EXEC);
}

/* --- in the parent ------------------------------------------------------------------------ */

static const char *search_path(char *const *env)
{
    for (; *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "/bin:/usr/bin";
}

static int check_targets(const crun_process_options *o, plan *p)
{
    p->high = 3;
    for (size_t i = 0; i < o->fd_count; i++) {
        int target = o->fds[i].target;
        if (target < 0 || target >= MOST_TARGETS)
            return CRUN_EINVAL;
        for (size_t k = 0; k < i; k++)
            if (o->fds[k].target == target)
                return CRUN_EINVAL;
        if (target >= p->high)
            p->high = target + 1;
    }
    return 0;
}

static int plan_init(plan *p, const crun_process_options *o)
{
    static char *const nothing[] = {NULL};
    *p = (plan){.options = o, .env = o->env ? o->env : environ ? environ : nothing};
    int rc = check_targets(o, p);
    if (rc < 0)
        return rc;
    /* An empty name is found nowhere, not in the folders of the PATH themselves. */
    if (*o->file && !strchr(o->file, '/'))
        p->search = search_path(p->env);
    p->fds = malloc(o->fd_count * sizeof *p->fds + 1);
    p->path = malloc((p->search ? strlen(p->search) : 0) + strlen(o->file) + 2);
    if (!p->fds || !p->path)
        return CRUN_ENOMEM;
    if (o->fd_count > 0)
        memcpy(p->fds, o->fds, o->fd_count * sizeof *p->fds);
    return 0;
}

static void plan_fini(plan *p)
{
    free(p->fds);
    free(p->path);
}

/* No handler may run in the child, nor may this thread be left with the child half-way. */
static pid_t fork_child(plan *p)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): see process.h */
    if (pid == 0)
        child(p); /* NOLINT(clang-analyzer-unix.Vfork) */
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return pid < 0 ? -error : pid;
}

/* Waits until exec has closed the pipe. Returns: whether the child has told of a failure. */
static bool read_failure(int fd, failure *f)
{
    ssize_t rc;
    do
        rc = read(fd, f, sizeof *f);
    while (rc < 0 && errno == EINTR);
    return rc == (ssize_t)sizeof *f;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static pid_t spawn(plan *p, failure *f)
{
    int report[2];
    int rc = crun_pipe(report);
    if (rc < 0)
        return rc;
    p->report = report[1];
    pid_t pid = fork_child(p);
    close(report[1]);
    if (pid > 0 && read_failure(report[0], f)) {
        reap(pid);
        pid = f->code;
    }
    close(report[0]);
    return pid;
}

pid_t crun__spawn(const crun_process_options *options)
{
    plan p;
    failure f = {0, CRUN_PROCESS_PREPARE};
    pid_t pid = plan_init(&p, options);
    if (pid == 0)
        pid = spawn(&p, &f);
    plan_fini(&p);
    if (pid < 0 && options->step)
        *options->step = f.step;
    return pid;
}
