/* SPDX-License-Identifier: MIT */
#include "hub.h"
#include "sync_impl.h"

static const crun_wait_type cond_type = {
    .verb = "Condition:wait",
    .queue_offset = offsetof(crun_cond, waiters),
};

void crun_cond_init(crun_cond *cond, crun_lock *lock)
{
    *cond = (crun_cond){.lock = lock};
}

int crun__cond_begin(crun_cond *cond, crun_task *self, size_t *depth)
{
    if (cond->lock->hold.task != self)
        return CRUN_EPERM;
    if (self->flags & (CRUN__DOOMED | CRUN__THROWN))
        return CRUN_ECANCELED;
    *depth = cond->lock->depth;
    crun__wait_begin(self, &cond_type, cond);
    crun__lock_pass(cond->lock);
    return 0;
}

/* It goes on to wait for the lock, and that wait has no deadline. */
static void notify_first(crun_cond *cond)
{
    crun_wait *wait = cond->waiters.first;
    crun__waitq_remove(&cond->waiters, wait);
    crun__timers_remove(&crun__task_hub(crun__task_of_wait(wait))->timers, &wait->due);
    crun__lock_enqueue(cond->lock, wait);
}

/*
 * Who was notified had been moved into the lock's queue, and leaves the notification to the next.
 */
int crun__cond_regain(crun_cond *cond, crun_task *self)
{
    if (self->wait.result == 0)
        return 1;
    bool notified = self->wait.object == cond->lock;
    if (notified && !crun__waitq_empty(&cond->waiters))
        notify_first(cond);
    return crun__lock_regain(cond->lock, self);
}

int crun_cond_wait(crun_cond *cond, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    size_t depth = 0;
    int rc = crun__runners_reserve(crun__hub);
    if (rc == 0)
        rc = crun__cond_begin(cond, self, &depth);
    if (rc < 0)
        return rc;
    int result = crun__wait_park(self, deadline);
    rc = crun__cond_regain(cond, self);
    if (rc == 0)
        rc = crun__wait_park(self, CRUN_FOREVER);
    if (rc < 0)
        return rc;
    cond->lock->depth = depth;
    return result;
}

int crun_cond_notify(crun_cond *cond, size_t n)
{
    if (cond->lock->hold.task != crun__hub->current)
        return CRUN_EPERM;
    for (; n > 0 && !crun__waitq_empty(&cond->waiters); n--)
        notify_first(cond);
    return 0;
}
