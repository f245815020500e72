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

int crun__l_child(lua_State *L);

#endif
