/* SPDX-License-Identifier: MIT */
#ifndef CRUN_BINDINGS_LREMOTE_H
#define CRUN_BINDINGS_LREMOTE_H

#include "bind.h"

/*
 * Whoever gets a worker's error raises it anew, and the traceback from here does not tell what went
 * wrong there. If the error at the index is the one that came last from a worker, this pushes how
 * the traceback is to go on and returns 1; else it pushes nothing and returns 0. Raises: no memory.
 */
int crun__remote_traceback(lua_State *L, int index);

#endif
