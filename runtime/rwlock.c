/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "hold.h"
#include "hub.h"
#include "sync_impl.h"

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_rwlock *lock = wait->object;
    if (lock->writer.task)
        (void)snprintf(text, size, "%s (task#%" PRIu64 " writes)", wait->type->verb,
                       (uint64_t)lock->writer.task->id);
    else
        (void)snprintf(text, size, "%s (%zu read)", wait->type->verb, lock->reading);
}

static void admit_readers(crun_rwlock *lock)
{
    lock->reading += crun__waitq_count(&lock->readers);
    crun__wake_all(&lock->readers, 0);
}

/* Readers may wait for nothing but this writer. */
static void writer_leaves(crun_wait *wait)
{
    crun_rwlock *lock = wait->object;
    bool last = wait->link.next == &wait->link;
    if (last && !lock->writer.task)
        admit_readers(lock);
}

/* Readers are not known. */
static const crun_task *awaits(const crun_wait *wait)
{
    return ((const crun_rwlock *)wait->object)->writer.task;
}

const crun_wait_type crun__rwlock_read_type = {
    .verb = "RWLock:read_acquire",
    .queue_offset = offsetof(crun_rwlock, readers),
    .describe = describe,
    .awaits = awaits,
};

const crun_wait_type crun__rwlock_write_type = {
    .verb = "RWLock:write_acquire",
    .queue_offset = offsetof(crun_rwlock, writers),
    .describe = describe,
    .awaits = awaits,
    .abort = writer_leaves,
};

/* Nobody writes any more, or the last reader has gone. */
static void admit(crun_rwlock *lock)
{
    crun_wait *writer = lock->writers.first;
    if (!writer) {
        admit_readers(lock);
        return;
    }
    crun__hold_take(&lock->writer, crun__task_of_wait(writer));
    crun__wake(writer, 0);
}

static void deserted(crun_hold *hold)
{
    crun_rwlock *lock = crun__container_of(hold, crun_rwlock, writer);
    crun__wake_all(&lock->writers, CRUN_EBROKEN);
    crun__wake_all(&lock->readers, CRUN_EBROKEN);
}

void crun_rwlock_init(crun_rwlock *lock)
{
    *lock = (crun_rwlock){.writer = {.kind = "RWLock", .deserted = deserted}};
}

static int wait_begin(crun_rwlock *lock, crun_task *self, const crun_wait_type *type,
                      crun_time deadline)
{
    if (crun__hold_deserted(&lock->writer))
        return CRUN_EBROKEN;
    if (crun__hold_circular(&lock->writer, self))
        return deadline == CRUN_NOWAIT ? CRUN_ETIMEDOUT : CRUN_EDEADLK;
    crun__wait_begin(self, type, lock);
    return 0;
}

int crun__rwlock_read_begin(crun_rwlock *lock, crun_task *self, crun_time deadline)
{
    if (!lock->writer.task && crun__waitq_empty(&lock->writers)) {
        lock->reading++;
        return 1;
    }
    return wait_begin(lock, self, &crun__rwlock_read_type, deadline);
}

int crun__rwlock_write_begin(crun_rwlock *lock, crun_task *self, crun_time deadline)
{
    if (!lock->writer.task && lock->reading == 0) {
        crun__hold_take(&lock->writer, self);
        return 1;
    }
    return wait_begin(lock, self, &crun__rwlock_write_type, deadline);
}

int crun_rwlock_read(crun_rwlock *lock, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__rwlock_read_begin(lock, self, deadline), deadline);
}

int crun_rwlock_write(crun_rwlock *lock, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__rwlock_write_begin(lock, self, deadline), deadline);
}

int crun_rwlock_read_done(crun_rwlock *lock)
{
    if (lock->reading == 0)
        return CRUN_EPERM;
    if (--lock->reading == 0)
        admit(lock);
    return 0;
}

int crun_rwlock_write_done(crun_rwlock *lock)
{
    if (lock->writer.task != crun__hub->current)
        return CRUN_EPERM;
    crun__hold_drop(&lock->writer);
    admit(lock);
    return 0;
}
