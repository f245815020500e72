/* SPDX-License-Identifier: MIT */
#include "future.h"

#include "hub.h"
#include "sync_impl.h"

const crun_wait_type crun__future_type = {
    .verb = "Future:get",
    .queue_offset = offsetof(crun_future, joiners),
};

void crun_future_init(crun_future *future)
{
    *future = (crun_future){.status = CRUN_TASK_WAITING};
}

void crun_future_fini(crun_future *future)
{
    crun_value_clear(&future->value);
}

int crun_future_set(crun_future *future, const crun_value *value)
{
    if (!crun__future_pending(future))
        return CRUN_EALREADY;
    if (value)
        future->value = *value;
    crun__future_end(future, CRUN_TASK_RETURNED);
    return 0;
}

int crun_future_fail(crun_future *future, int code)
{
    if (!crun__future_pending(future))
        return CRUN_EALREADY;
    future->code = code;
    crun__future_end(future, CRUN_TASK_FAILED);
    return 0;
}

int crun_future_cancel(crun_future *future)
{
    if (!crun__future_pending(future))
        return CRUN_EALREADY;
    crun__future_end(future, CRUN_TASK_CANCELLED);
    return 0;
}

bool crun_future_done(const crun_future *future)
{
    return !crun__future_pending(future);
}

int crun_future_wait(crun_future *future, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__future_begin(future, self), deadline);
}

int crun_future_result(const crun_future *future, const crun_value **out)
{
    switch (future->status) {
    case CRUN_TASK_RETURNED:
        if (out)
            *out = &future->value;
        return 0;
    case CRUN_TASK_FAILED:
        return future->code;
    case CRUN_TASK_CANCELLED:
        return CRUN_ECANCELED;
    default:
        return CRUN_EAGAIN;
    }
}
