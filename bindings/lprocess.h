/*
 * SPDX-License-Identifier: MIT
 *
 * Child, what its parts share.
 */
#ifndef CRUN__LPROCESS_H
#define CRUN__LPROCESS_H

#include "../runtime/process.h"
#include "bind.h"

typedef struct lprocess {
    crun__object object;
    crun_process *process; /* NULL: it could not be started, or has been finalized */
} lprocess;

extern const crun__class crun__child_class;

/* The Child at the index, or NULL. */
static inline crun_process *crun__child_test(lua_State *L, int index)
{
    const lprocess *p = crun__object_test(L, index, &crun__child_class);
    return p ? p->process : NULL;
}

/*
 * Pushes the exit of a process that has ended: its code and, if one killed it, the signal; or nil,
 * message, code. Returns how many values.
 */
int crun__child_exit(lua_State *L, crun_process *process);

int crun__l_child(lua_State *L);

#endif
