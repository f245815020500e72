/* SPDX-License-Identifier: MIT */
#include "hub.h"
#include "sync_impl.h"

/* While anyone waits the count is 0: a unit that comes free is theirs at once. */
static const crun_wait_type sem_type = {
    .verb = "Semaphore:acquire",
    .queue_offset = offsetof(crun_sem, waiters),
};

void crun_sem_init(crun_sem *sem, size_t count, size_t limit)
{
    *sem = (crun_sem){.count = count, .limit = limit};
}

int crun__sem_begin(crun_sem *sem, crun_task *self)
{
    if (sem->count > 0) {
        sem->count--;
        return 1;
    }
    crun__wait_begin(self, &sem_type, sem);
    return 0;
}

int crun_sem_acquire(crun_sem *sem, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__sem_begin(sem, self), deadline);
}

int crun_sem_release(crun_sem *sem, size_t n)
{
    if (n > sem->limit - sem->count)
        return CRUN_EINVAL;
    for (; n > 0 && !crun__waitq_empty(&sem->waiters); n--)
        crun__wake(sem->waiters.first, 0);
    sem->count += n;
    return 0;
}
