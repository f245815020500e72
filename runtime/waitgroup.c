/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "hub.h"
#include "sync_impl.h"

static void describe(const crun_wait *wait, char *text, size_t size)
{
    const crun_waitgroup *group = wait->object;
    (void)snprintf(text, size, "%s (count %zu)", wait->type->verb, group->count);
}

static const crun_wait_type waitgroup_type = {
    .verb = "WaitGroup:wait",
    .queue_offset = offsetof(crun_waitgroup, waiters),
    .describe = describe,
};

void crun_waitgroup_init(crun_waitgroup *group)
{
    *group = (crun_waitgroup){.count = 0};
}

int crun_waitgroup_add(crun_waitgroup *group, ptrdiff_t n)
{
    /* Counts up to PTRDIFF_MAX, so that a sum never wraps. */
    if (n < 0 ? group->count < 0 - (size_t)n : group->count > (size_t)(PTRDIFF_MAX - n))
        return CRUN_EINVAL;
    group->count += (size_t)n;
    if (group->count == 0)
        crun__wake_all(&group->waiters, 0);
    return 0;
}

int crun__waitgroup_begin(crun_waitgroup *group, crun_task *self)
{
    if (group->count == 0)
        return 1;
    crun__wait_begin(self, &waitgroup_type, group);
    return 0;
}

int crun_waitgroup_wait(crun_waitgroup *group, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__waitgroup_begin(group, self), deadline);
}
