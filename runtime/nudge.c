/* SPDX-License-Identifier: MIT */
#include "nudge.h"

#include <errno.h>

#include "hub.h"
#include "monitor.h"

/* One handler for the process, as long as anyone needs it. */
static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static struct sigaction before;

static void pass_on(int signo, siginfo_t *info, void *context)
{
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signo, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signo);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    int saved = errno;
    crun_hub *hub = crun__hub;
    if (hub && hub->monitor)
        crun__monitor_look(hub->monitor);
    if (hub && hub->on_nudge)
        hub->on_nudge(hub);
    pass_on(signo, info, context);
    errno = saved;
}

void crun__nudge_take(void)
{
    struct sigaction mine = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&mine.sa_mask);
    sigaddset(&mine.sa_mask, SIGINT);
    sigaddset(&mine.sa_mask, SIGQUIT);
    sigaddset(&mine.sa_mask, SIGTERM);
    pthread_mutex_lock(&users_lock);
    if (users++ == 0)
        sigaction(CRUN__NUDGE, &mine, &before);
    pthread_mutex_unlock(&users_lock);
}

/* Nothing is put back over a handler that somebody else has set meanwhile. */
void crun__nudge_give_back(void)
{
    struct sigaction now;
    pthread_mutex_lock(&users_lock);
    if (--users == 0 && sigaction(CRUN__NUDGE, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
        now.sa_sigaction == on_signal)
        sigaction(CRUN__NUDGE, &before, NULL);
    pthread_mutex_unlock(&users_lock);
}

void crun__nudge(pthread_t thread)
{
    pthread_kill(thread, CRUN__NUDGE);
}
