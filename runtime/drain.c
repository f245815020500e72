/* SPDX-License-Identifier: MIT */
#include "drain.h"

#include "loop.h"
#include "sync_impl.h"

static const crun_wait_type idle_type = {
    .verb = "waiting for the connections to end",
    .queue_offset = offsetof(crun__drain, idlers),
};

void crun_hub_drain(crun_hub *hub)
{
    hub->loop->drain.begun = true;
}

void crun__drain_less(crun__drain *drain)
{
    if (--drain->open == 0)
        crun__wake_all(&drain->idlers, 0);
}

int crun__drain_begin(crun_hub *hub, crun_task *task)
{
    crun__drain *drain = &hub->loop->drain;
    if (drain->open == 0)
        return 1;
    crun__wait_begin(task, &idle_type, drain);
    return 0;
}

int crun_hub_drained(crun_hub *hub, crun_time deadline)
{
    crun_task *self = hub->current;
    return crun__sync_finish(self, crun__drain_begin(hub, self), deadline);
}
