/*
 * SPDX-License-Identifier: MIT
 *
 * Who holds what. A hold is part of a lock; it names a task, which must not outlive its name: a
 * task that ends is taken out of all its holds.
 *
 * The holds of a hub lie in chains, by their tasks' addresses, since a list in each task would
 * cost every task eight bytes. A task that has never held anything looks at none of them when it
 * ends.
 */
#ifndef CRUN__HOLD_H
#define CRUN__HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include <crun/sync.h>

enum { CRUN__HOLD_CHAINS = 512 };

/* The task in holds whose task has ended: no running task is it, and it waits for nothing. */
extern crun_task crun__deserter;

/* Marks what nobody holds as the task's. */
void crun__hold_take(crun_hold *hold, crun_task *task);

/* Makes it nobody's again. */
static inline void crun__hold_drop(crun_hold *hold)
{
    *hold->link = hold->next;
    if (hold->next)
        hold->next->link = hold->link;
    hold->task = NULL;
}

/* The task ends: what it holds will never be released. */
void crun__holds_desert(crun_task *task);

/* What the task holds, one after the other; NULL: no more. */
const crun_hold *crun__holds_first(const crun_task *task);
const crun_hold *crun__holds_next(const crun_hold *hold, const crun_task *task);

static inline bool crun__hold_deserted(const crun_hold *hold)
{
    return hold->task == &crun__deserter;
}

#endif
