/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "hold.h"
#include "hub.h"
#include "select.h"
#include "sync_impl.h"

static const crun_wait_type lock_type;

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_lock *lock = wait->object;
    const crun_hold *hold = &lock->hold;
    const char *verb = wait->type->verb;
    if (wait->type == &lock_type && lock->reentrant)
        verb = "RLock:acquire";
    (void)snprintf(text, size, "%s (held by task#%" PRIu64 ")", verb, (uint64_t)hold->task->id);
}

static const crun_task *awaits(const crun_wait *wait)
{
    return ((const crun_lock *)wait->object)->hold.task;
}

static const crun_wait_type lock_type = {
    .verb = "Lock:acquire",
    .queue_offset = offsetof(crun_lock, waiters),
    .describe = describe,
    .awaits = awaits,
};

/* Of those who have been notified. */
static const crun_wait_type notified_type = {
    .verb = "Condition:wait, notified",
    .queue_offset = offsetof(crun_lock, waiters),
    .describe = describe,
    .awaits = awaits,
};

/* Of those whose wait on a condition has ended in another way. */
static const crun_wait_type regain_type = {
    .verb = "Condition:wait, over",
    .queue_offset = offsetof(crun_lock, waiters),
    .describe = describe,
    .awaits = awaits,
    .firm = true,
};

const crun_hold *crun__hold_awaited(const crun_task *task)
{
    const crun_wait_type *type = task->wait.type;
    if (task->status != CRUN_TASK_WAITING || !type)
        return NULL;
    if (type == &lock_type || type == &notified_type || type == &regain_type)
        return &((const crun_lock *)task->wait.object)->hold;
    if (type == &crun__rwlock_read_type || type == &crun__rwlock_write_type)
        return &((const crun_rwlock *)task->wait.object)->writer;
    if (type == &crun__select_type)
        return crun__select_hold(task->wait.object);
    return NULL;
}

/* Ends: every wait that would close a circle is refused, so the holders form none. */
bool crun__hold_circular(const crun_hold *hold, const crun_task *self)
{
    for (; hold && hold->task; hold = crun__hold_awaited(hold->task))
        if (hold->task == self)
            return true;
    return false;
}

static void take(crun_lock *lock, crun_task *task)
{
    crun__hold_take(&lock->hold, task);
    lock->depth = 1;
}

static int enter(crun_lock *lock, crun_task *self, const crun_wait_type *type)
{
    if (!lock->hold.task) {
        take(lock, self);
        return 1;
    }
    if (crun__hold_deserted(&lock->hold))
        return CRUN_EBROKEN;
    if (crun__hold_circular(&lock->hold, self))
        return CRUN_EDEADLK;
    crun__wait_begin(self, type, lock);
    return 0;
}

int crun__lock_begin(crun_lock *lock, crun_task *self, crun_time deadline)
{
    if (lock->hold.task == self && lock->reentrant) {
        lock->depth++;
        return 1;
    }
    int rc = enter(lock, self, &lock_type);
    return rc == CRUN_EDEADLK && deadline == CRUN_NOWAIT ? CRUN_ETIMEDOUT : rc;
}

int crun__lock_regain(crun_lock *lock, crun_task *self)
{
    return enter(lock, self, &regain_type);
}

/* Taken on behalf of the waiting task before that is woken, so nobody gets in between. */
static void hand_over(crun_lock *lock, crun_wait *wait)
{
    take(lock, crun__wait_owner(wait));
    crun__wake(wait, 0);
}

void crun__lock_pass(crun_lock *lock)
{
    crun__hold_drop(&lock->hold);
    if (!crun__waitq_empty(&lock->waiters))
        hand_over(lock, lock->waiters.first);
}

void crun__lock_enqueue(crun_lock *lock, crun_wait *wait)
{
    const crun_hold *hold = &lock->hold;
    wait->type = &notified_type;
    wait->object = lock;
    crun__waitq_push(&lock->waiters, wait);
    if (!hold->task)
        hand_over(lock, wait);
    else if (crun__hold_deserted(hold))
        crun__wake(wait, CRUN_EBROKEN);
    else if (crun__hold_circular(hold, crun__task_of_wait(wait)))
        crun__wake(wait, CRUN_EDEADLK);
}

static void deserted(crun_hold *hold)
{
    crun_lock *lock = crun__container_of(hold, crun_lock, hold);
    crun__wake_all(&lock->waiters, CRUN_EBROKEN);
}

void crun_lock_init(crun_lock *lock, bool reentrant)
{
    *lock = (crun_lock){
        .hold = {.kind = reentrant ? "RLock" : "Lock", .deserted = deserted},
        .reentrant = reentrant,
    };
}

int crun_lock_acquire(crun_lock *lock, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__lock_begin(lock, self, deadline), deadline);
}

int crun_lock_release(crun_lock *lock)
{
    if (lock->hold.task != crun__hub->current)
        return CRUN_EPERM;
    if (--lock->depth == 0)
        crun__lock_pass(lock);
    return 0;
}
