/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub.h"
#include "loop.h"
#include "select.h"

/*
 * The handle, which waits for the child's end, keeps the process in memory until it is closed. It
 * polls a descriptor of the child; where the kernel has none (before Linux 5.3) it waits for
 * SIGCHLD.
 */
struct crun_process {
    union {
        uv_handle_t handle;
        uv_poll_t poll;
        uv_signal_t signal;
    } uv; /* first */
    crun_waitq waiters;
    unsigned references; /* one is the handle's */
    pid_t pid;
    int pidfd; /* -1: none */
    bool over; /* `code` and `exit` are what there is to know */
    int code;  /* 0, or why the exit is not known */
    crun_exit exit;
};

/* --- children whose hub has ended before them --------------------------------------------- */

static struct orphans {
    pthread_mutex_t lock;
    pid_t *pids;
    size_t count, room;
} orphans = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool reaped(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) != 0;
}

/* They are reaped when the next child is started, or left by its hub; at last by the system. */
static void reap_orphans(void)
{
    pthread_mutex_lock(&orphans.lock);
    for (size_t i = 0; i < orphans.count;)
        if (reaped(orphans.pids[i]))
            orphans.pids[i] = orphans.pids[--orphans.count];
        else
            i++;
    if (orphans.count == 0) {
        free(orphans.pids);
        orphans.pids = NULL;
        orphans.room = 0;
    }
    pthread_mutex_unlock(&orphans.lock);
}

static void add_orphan(pid_t pid)
{
    reap_orphans();
    pthread_mutex_lock(&orphans.lock);
    if (orphans.count == orphans.room) {
        size_t room = orphans.room ? 2 * orphans.room : 8;
        pid_t *pids = realloc(orphans.pids, room * sizeof *pids);
        orphans.pids = pids ? pids : orphans.pids;
        orphans.room = pids ? room : orphans.room;
    }
    /* Without memory it stays a zombie as long as this program lives, should it end first. */
    if (orphans.count < orphans.room)
        orphans.pids[orphans.count++] = pid;
    pthread_mutex_unlock(&orphans.lock);
}

/* --- the end ------------------------------------------------------------------------------ */

static void unref(crun_process *p)
{
    if (--p->references == 0)
        free(p);
}

static void on_closed(uv_handle_t *handle)
{
    unref((crun_process *)handle);
}

static void conclude(crun_process *p, int code)
{
    p->over = true;
    p->code = code;
    while (!crun__waitq_empty(&p->waiters)) {
        crun__awaited_less();
        crun__wake(p->waiters.first, 0);
    }
    uv_close(&p->uv.handle, on_closed);
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->pidfd = -1;
}

/* Returns: 1 it has been reaped, 0 it lives, or a code. */
static int reap(crun_process *p)
{
    siginfo_t info = {.si_pid = 0};
    int rc;
    do
        rc = waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return uv_translate_sys_error(errno);
    if (info.si_pid == 0)
        return 0;
    bool exited = info.si_code == CLD_EXITED;
    p->exit.signal = exited ? 0 : info.si_status;
    p->exit.code = exited ? info.si_status : -info.si_status;
    return 1;
}

static void look(crun_process *p)
{
    int rc = reap(p);
    if (rc != 0)
        conclude(p, rc < 0 ? rc : 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    look((crun_process *)poll);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    look((crun_process *)signal);
}

/* The loop ends first. */
static void close_from_handle(uv_handle_t *handle)
{
    crun_process *p = (crun_process *)handle;
    look(p);
    if (p->over)
        return;
    add_orphan(p->pid);
    conclude(p, CRUN_ECLOSED);
}

/* --- starting ----------------------------------------------------------------------------- */

static void watch(crun_process *p)
{
    p->references++;
    crun__handle_set_close(&p->uv.handle, close_from_handle);
    uv_unref(&p->uv.handle);
}

static int watch_descriptor(crun_process *p, uv_loop_t *loop)
{
    int rc = uv_poll_init(loop, &p->uv.poll, p->pidfd);
    if (rc < 0)
        return rc;
    watch(p);
    return uv_poll_start(&p->uv.poll, UV_READABLE, on_poll);
}

static int watch_signal(crun_process *p, uv_loop_t *loop)
{
    int rc = uv_signal_init(loop, &p->uv.signal);
    if (rc < 0)
        return rc;
    watch(p);
    rc = uv_signal_start(&p->uv.signal, on_signal, SIGCHLD);
    if (rc == 0)
        look(p); /* it may have ended before */
    return rc;
}

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}

static int start_watching(crun_process *p, uv_loop_t *loop)
{
    p->pidfd = open_pidfd(p->pid);
    if (p->pidfd >= 0)
        return watch_descriptor(p, loop);
    /* EPERM is what some sandboxes say to calls that they do not know. */
    if (errno == ENOSYS || errno == EPERM)
        return watch_signal(p, loop);
    return uv_translate_sys_error(errno);
}

/* A child that cannot be watched is none. */
static void undo(crun_process *p)
{
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (p->references > 1) {
        conclude(p, CRUN_ECLOSED);
    } else if (p->pidfd >= 0) {
        close(p->pidfd);
    }
    unref(p);
}

/* Whoever ignores SIGCHLD is not told how his children end. */
static void heed_sigchld(void)
{
    struct sigaction now;
    if (sigaction(SIGCHLD, NULL, &now) < 0 || (now.sa_flags & SA_SIGINFO))
        return;
    if (now.sa_handler == SIG_IGN || (now.sa_flags & SA_NOCLDWAIT)) {
        now.sa_handler = now.sa_handler == SIG_IGN ? SIG_DFL : now.sa_handler;
        now.sa_flags &= ~SA_NOCLDWAIT;
        sigaction(SIGCHLD, &now, NULL);
    }
}

int crun_process_start(crun_hub *hub, const crun_process_options *options, crun_process **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, heed_sigchld);
    crun_process_options given = {.size = sizeof given};
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    if (given.step)
        *given.step = CRUN_PROCESS_PREPARE;
    crun_process *p = calloc(1, sizeof *p);
    if (!p)
        return CRUN_ENOMEM;
    p->references = 1;
    p->pidfd = -1;
    reap_orphans();
    p->pid = crun__spawn(&given);
    int rc = p->pid < 0 ? p->pid : 0;
    if (rc < 0) {
        free(p);
        return rc;
    }
    rc = start_watching(p, &hub->loop->uv);
    if (rc < 0) {
        undo(p);
        return rc;
    }
    *out = p;
    return 0;
}

/* --- waiting ------------------------------------------------------------------------------ */

static void abort_wait(crun_wait *wait)
{
    (void)wait;
    crun__awaited_less();
}

static void describe_wait(const crun_wait *wait, char *text, size_t size)
{
    const crun_process *p = wait->object;
    (void)snprintf(text, size, "waiting for process %d", (int)p->pid);
}

static const crun_wait_type wait_type = {
    .verb = "waiting for a process",
    .queue_offset = offsetof(crun_process, waiters),
    .abort = abort_wait,
    .describe = describe_wait,
};

int crun__process_begin(crun_process *p, crun_task *task)
{
    if (p->over)
        return 1;
    crun__wait_begin(task, &wait_type, p);
    crun__awaited_more();
    return 0;
}

/* --- in a select -------------------------------------------------------------------------- */

static int case_ready(const crun__case *c)
{
    return ((const crun_process *)c->object)->over;
}

static int case_take(crun__case *c)
{
    return ((const crun_process *)c->object)->code;
}

static int case_enter(crun__case *c)
{
    (void)c;
    crun__awaited_more();
    return 0;
}

static void case_leave(crun__case *c)
{
    (void)c;
    crun__awaited_less();
}

const crun__case_type crun__case_process = {
    .wait = {.verb = "waiting for a process",
             .queue_offset = offsetof(crun_process, waiters),
             .fire = crun__case_fire,
             .describe = describe_wait},
    .ready = case_ready,
    .take = case_take,
    .enter = case_enter,
    .leave = case_leave,
};

/* --- from C ------------------------------------------------------------------------------- */

int crun_process_wait(crun_process *p, crun_exit *out, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    int rc = crun__process_begin(p, self);
    if (rc == 0)
        rc = crun__wait_park(self, deadline);
    if (rc < 0)
        return rc;
    *out = p->exit;
    return p->code;
}

int crun_process_poll(crun_process *p, crun_exit *out)
{
    if (!p->over)
        look(p);
    if (!p->over)
        return 0;
    *out = p->exit;
    return p->code < 0 ? p->code : 1;
}

/* --- the rest ----------------------------------------------------------------------------- */

static int send_signal(pid_t pid, int signal)
{
    return kill(pid, signal) < 0 ? uv_translate_sys_error(errno) : 0;
}

/* It has been reaped only if that is known here, so the number is the child's until then. */
int crun_process_kill(crun_process *p, int signal)
{
    if (!p->over)
        look(p);
    return p->over ? UV_ESRCH : send_signal(p->pid, signal);
}

/*
 * As long as a group has members its number is no new process's. If there is a process of that
 * number, after the leader has been reaped, the group is empty and the number has been used again.
 */
int crun_process_kill_group(crun_process *p, int signal)
{
    if (p->over && (kill(p->pid, 0) == 0 || errno != ESRCH))
        return UV_ESRCH;
    return send_signal(-p->pid, signal);
}

int crun_process_pid(const crun_process *p)
{
    return p->pid;
}

crun_process *crun_process_retain(crun_process *p)
{
    p->references++;
    return p;
}

void crun_process_release(crun_process *p)
{
    unref(p);
}
