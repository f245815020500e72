/*
 * SPDX-License-Identifier: MIT
 *
 * Calls that wait for their time.
 */
#ifndef CRUN__LCALL_H
#define CRUN__LCALL_H

#include "bind.h"

/* At the program's end: what is not due yet never will be. Needs no memory. */
void crun__calls_drop(crun__lua *u);

#endif
