/*
 * SPDX-License-Identifier: MIT
 *
 * Cancel scopes: regions of a task's run that can be cancelled, time out or be shielded by
 * themselves. The task is the outermost one.
 *
 * Laws:
 * - A task is doomed while a scope in effect is cancelled: one between where it runs and the
 * nearest shield around it. Every wait of a doomed task fails with CRUN_ECANCELED.
 * - Of several cancelled scopes in effect the outermost counts: an inner timeout does not hide an
 *   outer one.
 * - Scopes are left in any order: a generator may be dropped while it is inside one.
 */
#ifndef CRUN__SCOPE_H
#define CRUN__SCOPE_H

#include "task.h"

enum crun__scope_state { CRUN__SCOPE_OPEN, CRUN__SCOPE_CANCELLED, CRUN__SCOPE_EXPIRED };

struct crun__scope {
    crun__scope *outer;
    crun_task *task; /* NULL once it is left */
    crun__timer timer;
    enum crun__scope_state state;
    bool shield; /* what is cancelled outside has no effect inside */
};

/*
 * Enters caller's memory as the task's innermost scope, to expire at the deadline.
 * Returns: 0, or CRUN_ENOMEM with nothing entered.
 */
int crun__scope_enter(crun__scope *scope, crun_task *task, bool shield, crun_time deadline);

/* Leaves it; does nothing the second time. */
void crun__scope_leave(crun__scope *scope);

void crun__scope_cancel(crun__scope *scope);

/*
 * The outermost cancelled scope in effect; NULL: it is the task itself (or nothing is cancelled).
 */
crun__scope *crun__scope_culprit(const crun_task *task);

/* Works out whether the task is doomed; if it has just become so, ends its wait. */
void crun__scope_update(crun_task *task);

#endif
