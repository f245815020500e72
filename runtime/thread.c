/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub.h"
#include "loop.h"
#include "nudge.h"
#include "sanitizer.h"
#include "stack.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* How soon, in nanoseconds, an interrupted thread is nudged again; then ever less. */
enum { FIRST_REMINDER = 20000000, LAST_REMINDER = 640000000 };

struct crun__thread {
    const crun__thread_type *type;
    void *arg;
    crun_hub *starter;
    crun__loop *loop;     /* made by the starter, for the thread's hub */
    crun__post *farewell; /* its last word to the starter */
    pthread_t handle;
    /* Of the starter's thread. */
    crun__link link; /* among its hub's */
    crun_waitq joiners;
    bool referred;
    bool ended;
    /* Of both. */
    pthread_mutex_t lock; /* guards the next four */
    pthread_cond_t begun;
    int ident;
    crun_hub *hub; /* NULL before it has one, and after */
    char *reason;  /* of the pending interrupt */
    atomic_bool pending;
    /* Of the thread, and of the starter's once it has ended. */
    char *taken; /* the reason that was taken last */
    int code;
    timer_t timer;
    bool reminds; /* there is that timer */
    volatile long reminder;
};

static _Thread_local crun__thread *own;

static crun__thread *thread_of(crun__link *link)
{
    return crun__container_of(link, crun__thread, link);
}

/* --- on the thread -------------------------------------------------------------------------- */

static void on_wake(void *arg)
{
    crun__thread *t = arg;
    if (atomic_load(&t->pending))
        t->type->interrupted(t, t->arg);
}

static void remind(crun__thread *t, long ns)
{
    struct itimerspec once = {.it_value = {.tv_nsec = ns}};
    t->reminder = ns;
    if (t->reminds)
        timer_settime(t->timer, 0, &once, NULL);
}

/*
 * A nudge may come in the instant in which tasks change places, or while a C function runs. In a
 * signal handler.
 */
static void on_nudge(crun_hub *hub)
{
    crun__thread *t = own;
    (void)hub;
    if (!t->taken && !atomic_load(&t->pending))
        return;
    t->type->poke(t, t->arg);
    remind(t, t->reminder < LAST_REMINDER ? t->reminder * 2 : LAST_REMINDER);
}

/* Without a timer all is well but for an interrupt in the wrong microsecond. */
static void make_timer(crun__thread *t)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = CRUN__NUDGE};
    event.sigev_notify_thread_id = gettid();
    t->reminder = FIRST_REMINDER / 2;
    t->reminds = timer_create(CLOCK_MONOTONIC, &event, &t->timer) == 0;
}

const char *crun__thread_take(crun__thread *t)
{
    pthread_mutex_lock(&t->lock);
    char *reason = t->reason;
    t->reason = NULL;
    atomic_store(&t->pending, false);
    pthread_mutex_unlock(&t->lock);
    if (!reason)
        return NULL;
    free(t->taken);
    t->taken = reason;
    remind(t, FIRST_REMINDER);
    return reason;
}

/* From the first on interrupts reach it; after the second the starter finds no hub to wake. */
static void set_hub(crun__thread *t, crun_hub *hub)
{
    pthread_mutex_lock(&t->lock);
    t->hub = hub;
    pthread_mutex_unlock(&t->lock);
}

/* When `run` returns its tasks are gone; a nudge that comes later finds nothing to do. */
static void serve(crun__thread *t, crun_hub *hub)
{
    own = t;
    make_timer(t);
    crun_hub_on_wake(hub, on_wake, t);
    hub->on_nudge = on_nudge;
    set_hub(t, hub);
    t->type->run(t, t->arg);
    set_hub(t, NULL);
    hub->on_nudge = NULL;
    crun_hub_on_wake(hub, NULL, NULL);
    if (t->reminds)
        timer_delete(t->timer);
    crun_hub_free(hub);
}

static void begin(crun__thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->ident = gettid();
    pthread_cond_signal(&t->begun);
    pthread_mutex_unlock(&t->lock);
}

static void *thread_main(void *arg)
{
    crun__thread *t = arg;
    crun_hub *hub;
    begin(t);
    t->code = crun__hub_new_on(&hub, NULL, t->loop);
    if (t->code < 0)
        crun__loop_free(t->loop);
    else
        serve(t, hub);
    /* The starter joins when it gets this, so it does not outrun what follows here. */
    crun__loop_post(t->starter, t->farewell);
    return NULL;
}

/* --- on the starter's thread ---------------------------------------------------------------- */

static void join_abort(crun_wait *wait)
{
    crun__thread *t = wait->object;
    crun_hub_release(t->starter);
}

static const crun_wait_type join_type = {
    .verb = "Thread:join",
    .queue_offset = offsetof(crun__thread, joiners),
    .abort = join_abort,
};

/* The thread is going to post: whoever waits for it is not stuck. */
int crun__thread_join_begin(crun__thread *t, crun_task *self)
{
    if (t->ended)
        return 1;
    crun_hub_hold(t->starter);
    crun__wait_begin(self, &join_type, t);
    return 0;
}

static void destroy(crun__thread *t)
{
    pthread_cond_destroy(&t->begun);
    pthread_mutex_destroy(&t->lock);
    free(t->reason);
    free(t->taken);
    free(t);
}

static void release_if_unused(crun__thread *t)
{
    if (!t->ended || t->referred)
        return;
    t->type->release(t->arg);
    destroy(t);
}

static void on_farewell(void *arg)
{
    crun__thread *t = arg;
    pthread_join(t->handle, NULL);
    crun__nudge_give_back();
    crun__list_remove(&t->link);
    t->ended = true;
    t->type->ended(t, t->arg);
    while (!crun__waitq_empty(&t->joiners)) {
        crun_hub_release(t->starter);
        crun__wake(t->joiners.first, 0);
    }
    release_if_unused(t);
}

void crun__thread_drop(crun__thread *t)
{
    t->referred = false;
    release_if_unused(t);
}

bool crun__thread_alive(const crun__thread *t)
{
    return !t->ended;
}

int crun__thread_code(const crun__thread *t)
{
    return t->code;
}

int crun__thread_ident(crun__thread *t)
{
    pthread_mutex_lock(&t->lock);
    while (!t->ident)
        pthread_cond_wait(&t->begun, &t->lock);
    int ident = t->ident;
    pthread_mutex_unlock(&t->lock);
    return ident;
}

int crun__thread_interrupt(crun__thread *t, const char *reason)
{
    if (t->ended)
        return CRUN_EALREADY;
    char *copy = strdup(reason);
    if (!copy)
        return CRUN_ENOMEM;
    pthread_mutex_lock(&t->lock);
    free(t->reason);
    t->reason = copy;
    atomic_store(&t->pending, true);
    if (t->hub) {
        crun_hub_wake(t->hub);
        crun__nudge(t->handle);
    }
    pthread_mutex_unlock(&t->lock);
    return 0;
}

/* --- starting ------------------------------------------------------------------------------- */

/* The thread's own stack is its main task's, and like any task's. Sanitizers need more. */
static size_t stack_size(void)
{
    return CRUN__ASAN || CRUN__TSAN ? 0 : CRUN_STACK_SIZE + (size_t)sysconf(_SC_THREAD_STACK_MIN);
}

static void allowed_signals(sigset_t *blocked)
{
    static const int allowed[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGTRAP,
                                  SIGABRT, SIGSYS, SIGPROF, SIGPIPE, CRUN__NUDGE};
    sigfillset(blocked);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        sigdelset(blocked, allowed[i]);
}

static int create(crun__thread *t)
{
    sigset_t blocked, old;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack_size() > 0)
        pthread_attr_setstacksize(&attributes, stack_size());
    allowed_signals(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    int error = pthread_create(&t->handle, &attributes, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return error == ENOMEM ? CRUN_ENOMEM : -error;
}

static crun__thread *new_thread(const crun__thread_type *type, void *arg)
{
    crun__thread *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->farewell = crun__post_new(on_farewell, t);
    if (!t->farewell) {
        free(t);
        return NULL;
    }
    t->type = type;
    t->arg = arg;
    t->starter = crun__hub;
    t->referred = true;
    crun__list_init(&t->link);
    crun__waitq_init(&t->joiners);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->begun, NULL);
    return t;
}

int crun__thread_start(const crun__thread_type *type, void *arg, crun__thread **out)
{
    crun__thread *t = new_thread(type, arg);
    if (!t)
        return CRUN_ENOMEM;
    int rc = crun__loop_new(&t->loop);
    if (rc < 0)
        goto no_loop;
    crun__nudge_take();
    rc = create(t);
    if (rc < 0)
        goto no_thread;
    crun__list_push_tail(&t->starter->threads, &t->link);
    *out = t;
    return 0;

no_thread:
    crun__nudge_give_back();
    crun__loop_free(t->loop);
no_loop:
    free(t->farewell);
    destroy(t);
    return rc;
}

/* --- the end of a hub ----------------------------------------------------------------------- */

/* Where no stack can be had to wait on, the whole thread waits. */
static void join_first(crun_hub *hub)
{
    crun__thread *t = thread_of(hub->threads.next);
    if (crun__thread_join_begin(t, hub->current) > 0 ||
        crun__wait_park(hub->current, CRUN_FOREVER) == 0)
        return;
    crun_task *current = hub->current;
    crun__set_current(hub, NULL);
    crun__loop_poll(hub->loop, CRUN_FOREVER);
    crun__loop_inbox(hub->loop);
    crun__set_current(hub, current);
}

void crun__threads_end(crun_hub *hub)
{
    for (crun__link *l = hub->threads.next; l != &hub->threads; l = l->next)
        if (crun__thread_interrupt(thread_of(l), "the program ends") < 0)
            continue; /* without memory it is waited for as it is */
    while (!crun__list_empty(&hub->threads))
        join_first(hub);
}
