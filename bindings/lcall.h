/*
 * SPDX-License-Identifier: MIT
 *
 * Calls that wait for their time.
 */
#ifndef CRUN__LCALL_H
#define CRUN__LCALL_H

#include "bind.h"

/* Protected, at the program's end: what is not due yet never will be. */
void crun__calls_drop(lua_State *L, void *arg);

#endif
