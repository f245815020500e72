/* SPDX-License-Identifier: MIT */
#include "scope.h"

#include "hub.h"

static void expire(crun__timer *timer)
{
    crun__scope *scope = crun__container_of(timer, crun__scope, timer);
    if (scope->state == CRUN__SCOPE_OPEN)
        scope->state = CRUN__SCOPE_EXPIRED;
    crun__scope_update(scope->task);
}

static bool cancelled(const crun__scope *scope)
{
    return scope->state != CRUN__SCOPE_OPEN;
}

/* Whether anything in effect is cancelled; culprit receives the outermost such scope. */
static bool doomed(const crun_task *task, crun__scope **culprit)
{
    bool found = false;
    *culprit = NULL;
    for (crun__scope *s = task->scope; s; s = s->outer) {
        if (cancelled(s)) {
            found = true;
            *culprit = s;
        }
        if (s->shield)
            return found;
    }
    if (task->flags & CRUN__CANCEL) {
        found = true;
        *culprit = NULL;
    }
    return found;
}

crun__scope *crun__scope_culprit(const crun_task *task)
{
    crun__scope *culprit;
    doomed(task, &culprit);
    return culprit;
}

void crun__scope_update(crun_task *task)
{
    crun__scope *culprit;
    if (!doomed(task, &culprit)) {
        crun__flag_clear(task, CRUN__DOOMED);
        return;
    }
    crun__flag_set(task, CRUN__DOOMED);
    if (task->status == CRUN_TASK_WAITING && !task->wait.type->firm)
        crun__wait_abort(&task->wait, CRUN_ECANCELED);
}

int crun__scope_enter(crun__scope *scope, crun_task *task, bool shield, crun_time deadline)
{
    *scope = (crun__scope){.outer = task->scope, .task = task, .shield = shield};
    scope->timer.fire = expire;
    if (deadline == CRUN_NOWAIT) {
        scope->state = CRUN__SCOPE_EXPIRED;
    } else if (deadline != CRUN_FOREVER) {
        crun__timers *timers = &crun__task_hub(task)->timers;
        int rc = crun__timers_add(timers, &scope->timer.due, CRUN__DUE_TIMER, deadline);
        if (rc < 0)
            return rc;
    }
    task->scope = scope;
    crun__scope_update(task);
    return 0;
}

void crun__scope_leave(crun__scope *scope)
{
    crun_task *task = scope->task;
    if (!task)
        return;
    crun__scope **link = &task->scope;
    while (*link != scope)
        link = &(*link)->outer;
    *link = scope->outer;
    scope->task = NULL;
    crun__timers_remove(&crun__task_hub(task)->timers, &scope->timer.due);
    crun__scope_update(task);
}

void crun__scope_cancel(crun__scope *scope)
{
    if (scope->state == CRUN__SCOPE_OPEN && scope->task) {
        scope->state = CRUN__SCOPE_CANCELLED;
        crun__scope_update(scope->task);
    }
}
