/* SPDX-License-Identifier: MIT */
#include "hub.h"
#include "sync_impl.h"

static const crun_wait_type event_type = {
    .verb = "Event:wait",
    .queue_offset = offsetof(crun_event, waiters),
};

void crun_event_init(crun_event *event)
{
    *event = (crun_event){.set = false};
}

void crun_event_set(crun_event *event)
{
    event->set = true;
    crun__wake_all(&event->waiters, 0);
}

void crun_event_clear(crun_event *event)
{
    event->set = false;
}

int crun__event_begin(crun_event *event, crun_task *self)
{
    if (event->set)
        return 1;
    crun__wait_begin(self, &event_type, event);
    return 0;
}

int crun_event_wait(crun_event *event, crun_time deadline)
{
    crun_task *self = crun__hub->current;
    return crun__sync_finish(self, crun__event_begin(event, self), deadline);
}
