/*
 * SPDX-License-Identifier: MIT
 *
 * The report of a C stack overflow in a Lua task.
 */
#ifndef CRUN__LOVERFLOW_H
#define CRUN__LOVERFLOW_H

#include <crun/hub.h>

/* The hub's on_overflow while a Lua state is attached. Safe in a signal handler. */
void crun__lua_overflow(crun_hub *hub);

#endif
