/*
 * SPDX-License-Identifier: MIT
 *
 * The end of a worker process whose parent has gone.
 *
 * The port's other end closes when the parent dies in whatever way, and when it wants nothing of
 * the worker any more. The hub would notice, but not while a task computes. So a thread of its own
 * waits for that, and nothing else; it costs nothing until then.
 *
 * Laws:
 * - When the other end is closed, everything in the worker is cancelled, once, so that clean-ups
 *   run; a signal that has come before has done that already.
 * - When the parent has died, the worker is killed a second later, whatever it does. While the
 *   parent lives, the clean-ups have as long as they take.
 * - A worker that is stopped goes on when its parent dies, and so ends, too.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "lsignal.h"
#include "prog.h"

enum { GRACE_S = 1 };

static int32_t parent;

/* Only an end that is closed wakes it: the data that arrives is not asked for. */
static void wait_for_end(int port)
{
    struct pollfd end = {.fd = port};
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        continue;
}

static void wait_for_cleanups(void)
{
    struct timespec left = {.tv_sec = GRACE_S};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

/*
 * A process that dies closes its descriptors before it is dead: whether the parent lives is looked
 * at when the clean-ups have had their time.
 */
static void *watch(void *arg)
{
    wait_for_end((int)(intptr_t)arg);
    crun__signals_ask();
    wait_for_cleanups();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* as long as this thread is there */
    while (getppid() == parent)
        (void)pause();
    (void)kill(getpid(), SIGKILL);
    return NULL;
}

/* Signals are the main thread's. */
int crun__prog_lifeline(int port, int32_t parent_id)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    parent = parent_id;
    (void)prctl(PR_SET_PDEATHSIG, SIGCONT);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_attr_init(&attributes);
    if (rc == 0) {
        (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        rc = pthread_create(&thread, &attributes, watch, (void *)(intptr_t)port);
        (void)pthread_attr_destroy(&attributes);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}
