/* SPDX-License-Identifier: MIT */
#include "task.h"

#include <inttypes.h>
#include <stdio.h>

#include "hold.h"
#include "hub.h"
#include "scope.h"

static void describe_join(const crun_wait *wait, char *text, size_t size)
{
    const crun_task *task = wait->object;
    (void)snprintf(text, size, "join of task#%" PRIu64, (uint64_t)task->id);
}

static const crun_task *awaits_join(const crun_wait *wait)
{
    return wait->object;
}

const crun_wait_type crun__join_type = {
    .verb = "join",
    .queue_offset = offsetof(crun_task, joiners),
    .describe = describe_join,
    .awaits = awaits_join,
};

const crun_wait_type crun__sleep_type = {
    .verb = "sleep",
    .queue_offset = CRUN__NO_QUEUE,
};

static void doom_new(crun_task *task)
{
    crun__list_remove(&task->wait.link);
    crun__task_end(task, CRUN_TASK_CANCELLED);
}

void crun__task_start(crun_task *task, crun__task_type *type, bool daemon)
{
    crun_hub *hub = type->hub;
    *task =
        (crun_task){.type = type, .id = ++hub->next_id & CRUN__ID_MASK, .status = CRUN_TASK_NEW};
    if (daemon)
        crun__flag_set(task, CRUN__DAEMON);
    crun__hub_count(hub, task, 1);
    crun__list_push_tail(&hub->ready, &task->wait.link);
}

void crun__task_give_back(crun_task *task)
{
    if (task->flags & CRUN__EXTRA)
        task->type->unload(task);
    if (task->flags & CRUN__HOLDER)
        crun__holds_desert(task);
}

void crun__task_end(crun_task *task, crun_task_status status)
{
    assert(!crun__task_ended(task) && !task->wait.type);
    /* A scope that a dropped generator was inside outlives its task. */
    while (task->scope)
        crun__scope_leave(task->scope);
    task->status = status;
    crun__wake_all(&task->joiners, 0);
    crun__hub_count(crun__task_hub(task), task, -1);
    if (task->type->ended)
        task->type->ended(task);
}

bool crun__task_watched(const crun_task *task)
{
    const crun_wait *first = task->joiners.first, *w = first;
    if (task->flags & CRUN__OBSERVED)
        return true;
    while (w) {
        if (!w->type->aside)
            return true;
        w = crun__wait_of_link(w->link.next);
        if (w == first)
            break;
    }
    return false;
}

void crun__wake(crun_wait *wait, int result)
{
    const crun_wait_type *type = wait->type;
    assert(type);
    crun__wait_unlink(wait);
    wait->type = NULL;
    if (type->fire) {
        type->fire(wait, result);
        return;
    }
    crun_task *task = crun__task_of_wait(wait);
    crun_hub *hub = crun__task_hub(task);
    assert(task->status == CRUN_TASK_WAITING);
    if (wait->due.place)
        crun__timers_remove(&hub->timers, &wait->due);
    wait->result = result;
    crun__ready(hub, task);
}

void crun__wait_abort(crun_wait *wait, int result)
{
    if (wait->type->abort)
        wait->type->abort(wait);
    crun__wake(wait, result);
}

/*
 * As many as there are at the start: a watch that fires may register another, or take others out.
 */
void crun__wake_all(crun_waitq *q, int result)
{
    size_t n = crun__waitq_count(q);
    while (n-- > 0 && !crun__waitq_empty(q))
        crun__wake(q->first, result);
}

int crun__wait_withdraw(crun_task *task, int result)
{
    crun_wait *w = &task->wait;
    if (w->type->abort)
        w->type->abort(w);
    crun__wait_unlink(w);
    crun__timers_remove(&crun__task_hub(task)->timers, &w->due);
    w->type = NULL;
    w->result = result;
    return result;
}

static int set_deadline(crun_task *task, crun_time deadline)
{
    if (deadline == CRUN_NOWAIT)
        return CRUN_ETIMEDOUT;
    crun__timers *timers = &crun__task_hub(task)->timers;
    return crun__timers_add(timers, &task->wait.due, CRUN__DUE_WAIT, deadline);
}

static inline int arm(crun_hub *hub, crun_task *task, crun_time deadline)
{
    bool cancelled = (task->flags & (CRUN__DOOMED | CRUN__THROWN)) && !task->wait.type->firm;
    int rc = cancelled ? CRUN_ECANCELED : 0;
    if (deadline == CRUN_FOREVER)
        task->wait.due.stamp = (int32_t)hub->tick;
    else if (rc == 0)
        rc = set_deadline(task, deadline);
    if (rc < 0)
        return crun__wait_withdraw(task, rc);
    task->status = CRUN_TASK_WAITING;
    return 0;
}

int crun__wait_arm(crun_task *task, crun_time deadline)
{
    return arm(crun__task_hub(task), task, deadline);
}

int crun__wait_park(crun_task *task, crun_time deadline)
{
    crun_hub *hub = crun__task_hub(task);
    int rc = crun__runners_reserve(hub);
    if (rc < 0)
        return crun__wait_withdraw(task, rc);
    rc = arm(hub, task, deadline);
    if (rc < 0)
        return rc;
    crun__switch_away(hub);
    return task->wait.result;
}

void crun__wait_describe(const crun_wait *wait, char *text, size_t size)
{
    if (!wait->type)
        (void)snprintf(text, size, "nothing");
    else if (wait->type->describe)
        wait->type->describe(wait, text, size);
    else
        (void)snprintf(text, size, "%s", wait->type->verb);
}

const crun_task *crun__wait_awaits(const crun_task *task)
{
    const crun_wait *wait = &task->wait;
    if (task->status != CRUN_TASK_WAITING || !wait->type || !wait->type->awaits)
        return NULL;
    return wait->type->awaits(wait);
}

crun_task *crun_task_current(void)
{
    return crun__hub ? crun__hub->current : NULL;
}

uint64_t crun_task_id(const crun_task *task)
{
    return task->id;
}

crun_task_status crun_task_get_status(const crun_task *task)
{
    return (crun_task_status)task->status;
}

bool crun_task_done(const crun_task *task)
{
    return crun__task_ended(task);
}

bool crun_task_is_daemon(const crun_task *task)
{
    return task->flags & CRUN__DAEMON;
}

void crun_task_set_daemon(crun_task *task, bool daemon)
{
    if (crun__task_ended(task) || crun_task_is_daemon(task) == daemon)
        return;
    crun_hub *hub = crun__task_hub(task);
    crun__hub_count(hub, task, -1);
    task->flags ^= CRUN__DAEMON;
    crun__hub_count(hub, task, 1);
}

int crun_task_cancel(crun_task *task)
{
    if (crun__task_ended(task))
        return CRUN_EALREADY;
    crun__flag_set(task, CRUN__CANCEL);
    if (task->status == CRUN_TASK_NEW)
        doom_new(task);
    else
        crun__scope_update(task);
    return 0;
}

int crun_task_join(crun_task *task, crun_time deadline)
{
    crun_task *self = crun_task_current();
    if (crun__task_ended(task))
        return 0;
    if (task == self)
        return CRUN_EDEADLK;
    crun__wait_begin(self, &crun__join_type, task);
    return crun__wait_park(self, deadline);
}

int crun_sleep_until(crun_hub *hub, crun_time deadline)
{
    if (deadline == CRUN_NOWAIT)
        return crun_yield(hub);
    crun__wait_begin(hub->current, &crun__sleep_type, NULL);
    int rc = crun__wait_park(hub->current, deadline);
    return rc == CRUN_ETIMEDOUT ? 0 : rc;
}

int crun__give_way(crun_hub *hub)
{
    int rc = crun__runners_reserve(hub);
    if (rc < 0)
        return rc;
    crun__ready(hub, hub->current);
    crun__switch_away(hub);
    return 0;
}

int crun_yield(crun_hub *hub)
{
    const crun_task *self = hub->current;
    if (self->flags & (CRUN__DOOMED | CRUN__THROWN))
        return CRUN_ECANCELED;
    int rc = crun__give_way(hub);
    if (rc < 0)
        return rc;
    return self->flags & (CRUN__DOOMED | CRUN__THROWN) ? CRUN_ECANCELED : 0;
}
