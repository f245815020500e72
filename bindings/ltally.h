/*
 * SPDX-License-Identifier: MIT
 *
 * The Tally of a link, for ports to send.
 */
#ifndef CRUN__LTALLY_H
#define CRUN__LTALLY_H

#include "../runtime/tally.h"
#include "bind.h"

typedef struct ltally {
    crun__object object;
    crun__tally tally;
} ltally;

extern const crun__class crun__tally_class;

/* Pushes one that is not open. */
ltally *crun__ltally_new(lua_State *L);

#endif
