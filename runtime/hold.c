/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include "hub.h"

crun_task crun__deserter = {.status = CRUN_TASK_RETURNED};

static crun_hold **chain_of(const crun_task *task)
{
    uintptr_t place = (uintptr_t)task / 16;
    return &crun__task_hub(task)->held[(place ^ place / CRUN__HOLD_CHAINS) % CRUN__HOLD_CHAINS];
}

void crun__hold_take(crun_hold *hold, crun_task *task)
{
    crun_hold **chain = chain_of(task);
    assert(!hold->task);
    hold->task = task;
    hold->noted = false;
    hold->taken++;
    hold->next = *chain;
    hold->link = chain;
    if (*chain)
        (*chain)->link = &hold->next;
    *chain = hold;
    crun__flag_set(task, CRUN__HOLDER);
}

static const crun_hold *first_of(const crun_hold *hold, const crun_task *task)
{
    while (hold && hold->task != task)
        hold = hold->next;
    return hold;
}

const crun_hold *crun__holds_first(const crun_task *task)
{
    return first_of(*chain_of(task), task);
}

const crun_hold *crun__holds_next(const crun_hold *hold, const crun_task *task)
{
    return first_of(hold->next, task);
}

/* All are marked before anyone is told. */
void crun__holds_desert(crun_task *task)
{
    crun_hold *mine = NULL, *next;
    for (crun_hold *hold = *chain_of(task); hold; hold = next) {
        next = hold->next;
        if (hold->task != task)
            continue;
        crun__hold_drop(hold);
        hold->task = &crun__deserter;
        hold->deserter = task->id;
        hold->next = mine;
        mine = hold;
    }
    for (; mine; mine = next) {
        next = mine->next;
        mine->deserted(mine);
    }
}
