/*
 * SPDX-License-Identifier: MIT
 *
 * The kinds of cases, and select for C tasks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "chan.h"
#include "future.h"
#include "hub.h"
#include "select.h"
#include "sync_impl.h"

/* --- channel ------------------------------------------------------------------------------ */

int crun__case_recv_ready(const crun__case *c)
{
    const crun_chan *chan = c->object;
    return crun__chan_can_get(chan) || chan->closed;
}

int crun__case_send_ready(const crun__case *c)
{
    const crun_chan *chan = c->object;
    return crun__chan_can_put(chan) || chan->closed;
}

/* Neither waits, since it is ready. */
static int recv_take(crun__case *c)
{
    return crun_chan_recv(c->object, &c->value, CRUN_NOWAIT);
}

static int send_take(crun__case *c)
{
    return crun_chan_send(c->object, &c->value, CRUN_NOWAIT);
}

static void give(crun_wait *wait, const crun_value *value)
{
    ((crun__case *)wait)->value = *value;
}

static void take(crun_wait *wait, crun_value *value)
{
    *value = ((crun__case *)wait)->value;
}

static const crun__case_type recv_type = {
    .wait = {.verb = "recv",
             .queue_offset = offsetof(crun_chan, getters),
             .fire = crun__case_fire,
             .give = give},
    .ready = crun__case_recv_ready,
    .take = recv_take,
};

static const crun__case_type send_type = {
    .wait = {.verb = "send",
             .queue_offset = offsetof(crun_chan, putters),
             .fire = crun__case_fire,
             .take = take},
    .ready = crun__case_send_ready,
    .take = send_take,
};

/* --- lock --------------------------------------------------------------------------------- */

/*
 * Its own lock, and that of a task that waits for it, can never come to a task that waits for
 * nothing else. Among other cases only its own never can: the circle ends with another case.
 */
static bool hopeless(const crun__case *c, const crun_lock *lock, const crun_task *self)
{
    if (c->select->deadline == CRUN_NOWAIT)
        return false;
    if (lock->hold.task == self)
        return true;
    return c->select->count == 1 && crun__hold_circular(&lock->hold, self);
}

static int lock_ready(const crun__case *c)
{
    const crun_lock *lock = c->object;
    const crun_task *self = crun__hub->current;
    if (!lock->hold.task || (lock->reentrant && lock->hold.task == self))
        return 1;
    if (crun__hold_deserted(&lock->hold))
        return CRUN_EBROKEN;
    return hopeless(c, lock, self) ? CRUN_EDEADLK : 0;
}

static int lock_take(crun__case *c)
{
    int rc = crun__lock_begin(c->object, crun__hub->current, CRUN_NOWAIT);
    return rc < 0 ? rc : 0;
}

static void describe_lock(const crun_wait *wait, char *text, size_t size)
{
    const crun_lock *lock = wait->object;
    (void)snprintf(text, size, "acquire of %s (held by task#%" PRIu64 ")", lock->hold.kind,
                   (uint64_t)lock->hold.task->id);
}

const crun__case_type crun__case_lock = {
    .wait = {.verb = "acquire of Lock",
             .queue_offset = offsetof(crun_lock, waiters),
             .fire = crun__case_fire,
             .describe = describe_lock},
    .ready = lock_ready,
    .take = lock_take,
};

const crun_hold *crun__select_hold(const crun__select *s)
{
    if (s->count != 1 || s->cases[0].type != &crun__case_lock)
        return NULL;
    return &((const crun_lock *)s->cases[0].object)->hold;
}

/* --- semaphore ---------------------------------------------------------------------------- */

static int sem_ready(const crun__case *c)
{
    return ((const crun_sem *)c->object)->count > 0;
}

static int sem_take(crun__case *c)
{
    ((crun_sem *)c->object)->count--;
    return 0;
}

const crun__case_type crun__case_sem = {
    .wait = {.verb = "acquire of Semaphore",
             .queue_offset = offsetof(crun_sem, waiters),
             .fire = crun__case_fire},
    .ready = sem_ready,
    .take = sem_take,
};

/* --- event, end of a task, timer: there is nothing to take ---------------------------------- */

static int nothing_to_take(crun__case *c)
{
    (void)c;
    return 0;
}

static int event_ready(const crun__case *c)
{
    return ((const crun_event *)c->object)->set;
}

const crun__case_type crun__case_event = {
    .wait = {.verb = "wait for Event",
             .queue_offset = offsetof(crun_event, waiters),
             .fire = crun__case_fire},
    .ready = event_ready,
    .take = nothing_to_take,
};

static int task_ready(const crun__case *c)
{
    const crun_task *task = c->object;
    return task == crun__hub->current ? CRUN_EDEADLK : crun__task_ended(task);
}

static void describe_task(const crun_wait *wait, char *text, size_t size)
{
    const crun_task *task = wait->object;
    (void)snprintf(text, size, "end of task#%" PRIu64, (uint64_t)task->id);
}

const crun__case_type crun__case_task = {
    .wait = {.verb = "end of Task",
             .queue_offset = offsetof(crun_task, joiners),
             .fire = crun__case_fire,
             .describe = describe_task},
    .ready = task_ready,
    .take = nothing_to_take,
};

static int future_ready(const crun__case *c)
{
    return !crun__future_pending(c->object);
}

const crun__case_type crun__case_future = {
    .wait = {.verb = "end of Future",
             .queue_offset = offsetof(crun_future, joiners),
             .fire = crun__case_fire},
    .ready = future_ready,
    .take = nothing_to_take,
};

static int timer_ready(const crun__case *c)
{
    return c->at == CRUN_NOWAIT || (c->at != CRUN_FOREVER && c->at <= crun_now(crun__hub));
}

const crun__case_type crun__case_timer = {
    .wait = {.verb = "timer", .queue_offset = CRUN__NO_QUEUE},
    .ready = timer_ready,
    .take = nothing_to_take,
};

void crun__case_set_timer(crun__case *c, crun__select *s, crun_time at)
{
    crun__case_set(c, s, &crun__case_timer, NULL);
    c->at = at;
    if (at < s->due)
        s->due = at;
}

static int never_ready(const crun__case *c)
{
    (void)c;
    return 0;
}

const crun__case_type crun__case_never = {
    .wait = {.verb = "nothing", .queue_offset = CRUN__NO_QUEUE},
    .ready = never_ready,
};

/* --- for C tasks -------------------------------------------------------------------------- */

/* So many cases need no memory but the stack's. */
enum { FEW = 8 };

static const crun__case_type *const types[] = {
    [CRUN_CASE_RECV] = &recv_type,
    [CRUN_CASE_SEND] = &send_type,
    [CRUN_CASE_LOCK] = &crun__case_lock,
    [CRUN_CASE_SEM] = &crun__case_sem,
    [CRUN_CASE_EVENT] = &crun__case_event,
    [CRUN_CASE_TASK] = &crun__case_task,
    [CRUN_CASE_FUTURE] = &crun__case_future,
    [CRUN_CASE_READ] = &crun__case_read,
    [CRUN_CASE_PROCESS] = &crun__case_process,
};

static void *object_of(const crun_case *from)
{
    switch (from->kind) {
    case CRUN_CASE_RECV:
    case CRUN_CASE_SEND:
        return from->on.chan;
    case CRUN_CASE_LOCK:
        return from->on.lock;
    case CRUN_CASE_SEM:
        return from->on.sem;
    case CRUN_CASE_EVENT:
        return from->on.event;
    case CRUN_CASE_TASK:
        return from->on.task;
    case CRUN_CASE_FUTURE:
        return from->on.future;
    case CRUN_CASE_READ:
        return from->on.stream;
    case CRUN_CASE_PROCESS:
        return from->on.process;
    case CRUN_CASE_TIMER:
        break;
    }
    return NULL;
}

static void fill(crun__select *s, const crun_case *cases)
{
    for (size_t i = 0; i < s->count; i++) {
        const crun_case *from = &cases[i];
        crun__case *c = &s->cases[i];
        if (from->kind == CRUN_CASE_TIMER) {
            crun__case_set_timer(c, s, from->on.at);
        } else {
            crun__case_set(c, s, types[from->kind], object_of(from));
            c->value = from->value;
        }
    }
}

static int run(crun__select *s)
{
    crun_task *self = crun__hub->current;
    int rc = crun__select_pick(s);
    if (rc > 0) {
        crun__case *c = &s->cases[s->chosen];
        c->result = c->type->take(c);
        return 0;
    }
    if (rc == 0)
        rc = crun__select_begin(s, self);
    if (rc == 0)
        rc = crun__select_end(s, crun__wait_park(self, crun__select_until(s)));
    return rc;
}

/* A value that was sent is the channel's, and what is left of it here counts no more. */
static int finish(const crun__select *s, crun_case *cases)
{
    const crun__case *c = &s->cases[s->chosen];
    crun_case *to = &cases[s->chosen];
    to->result = c->result;
    if (to->kind == CRUN_CASE_RECV && c->result == 0)
        to->value = c->value;
    return (int)s->chosen;
}

int crun_select(crun_case *cases, size_t count, crun_time deadline)
{
    crun__case few[FEW];
    crun__select s;
    if (count == 0 && deadline == CRUN_FOREVER)
        return CRUN_EINVAL;
    crun__case *all = count <= FEW ? few : calloc(count, sizeof *all);
    if (!all)
        return CRUN_ENOMEM;
    crun__select_init(&s, all, count, deadline);
    fill(&s, cases);
    int rc = run(&s);
    if (rc == 0)
        rc = finish(&s, cases);
    if (all != few)
        free(all);
    return rc;
}
