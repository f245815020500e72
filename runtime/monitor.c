/* SPDX-License-Identifier: MIT */
#include "monitor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "hub.h"
#include "nudge.h"

enum {
    LOOKS_PER_LIMIT = 2,
    /* Who does not give way at once (inside of C) is asked at ever longer intervals, up to this. */
    LONGEST_SILENCE = 64
};

static const crun_time SHORTEST_LOOK = 1000000;

struct crun__monitor {
    crun_hub *hub;
    pthread_t thread, target;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    crun_time limit; /* guarded by the lock, as is the next */
    bool ending;
    crun__overrun *overrun;
    /* Of the handler alone: what it saw last. */
    const crun_task *seen_task;
    uint64_t seen_turn;
    crun_time seen_at;
};

void crun__monitor_look(crun__monitor *m)
{
    const crun_task *task = m->hub->current;
    uint64_t turn = crun__hub_turn(m->hub);
    crun_time now = crun__clock_monotonic();
    if (!task || task != m->seen_task || turn != m->seen_turn) {
        m->seen_task = task;
        m->seen_turn = turn;
        m->seen_at = now;
        return;
    }
    m->overrun(m->hub, now - m->seen_at);
}

/* --- the thread ----------------------------------------------------------------------------- */

typedef struct look {
    const crun_task *task;
    uint64_t polls;
    unsigned same; /* looks at which nothing had changed */
} look;

/* The hub's thread writes both in one piece. */
static void look_from_afar(const crun__monitor *m, look *l)
{
    const crun_task *task = __atomic_load_n(&m->hub->current, __ATOMIC_RELAXED);
    uint64_t polls = __atomic_load_n(&m->hub->polls, __ATOMIC_RELAXED);
    if (!task || task != l->task || polls != l->polls) {
        *l = (look){task, polls, 0};
        return;
    }
    l->same++;
    if (l->same <= LONGEST_SILENCE ? l->same <= 4 || (l->same & (l->same - 1)) == 0
                                   : l->same % LONGEST_SILENCE == 0)
        crun__nudge(m->target);
}

static struct timespec after(crun_time ns)
{
    crun_time at = crun__clock_monotonic() + ns;
    return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

/* With the lock held. */
static crun_time interval(const crun__monitor *m)
{
    crun_time ns = m->limit / LOOKS_PER_LIMIT;
    return ns > SHORTEST_LOOK ? ns : SHORTEST_LOOK;
}

static void *run(void *arg)
{
    crun__monitor *m = arg;
    look l = {0};
    pthread_mutex_lock(&m->lock);
    while (!m->ending) {
        struct timespec until = after(interval(m));
        if (pthread_cond_timedwait(&m->changed, &m->lock, &until) == ETIMEDOUT)
            look_from_afar(m, &l);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

/* Signals are for the threads that were there before. */
static int start_thread(crun__monitor *m)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&m->thread, NULL, run, m);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0 ? 0 : CRUN_ENOMEM;
}

static void init(crun__monitor *m, crun_hub *hub)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    m->hub = hub;
    m->target = pthread_self();
}

static void release(crun__monitor *m)
{
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static int create(crun_hub *hub, crun_time limit, crun__overrun *overrun)
{
    crun__monitor *m = calloc(1, sizeof *m);
    if (!m)
        return CRUN_ENOMEM;
    init(m, hub);
    m->limit = limit;
    m->overrun = overrun;
    hub->monitor = m;
    crun__nudge_take();
    if (start_thread(m) == 0)
        return 0;
    hub->monitor = NULL;
    crun__nudge_give_back();
    release(m);
    return CRUN_ENOMEM;
}

int crun__monitor_start(crun_hub *hub, crun_time limit, crun__overrun *overrun)
{
    crun__monitor *m = hub->monitor;
    if (!m)
        return create(hub, limit, overrun);
    pthread_mutex_lock(&m->lock);
    m->limit = limit;
    pthread_cond_signal(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return 0;
}

/* A signal that is on its way finds the handler gone and is ignored, or no monitor. */
void crun__monitor_stop(crun_hub *hub)
{
    crun__monitor *m = hub->monitor;
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    pthread_cond_signal(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    hub->monitor = NULL;
    crun__nudge_give_back();
    release(m);
}
