/*
 * SPDX-License-Identifier: MIT
 *
 * Tasks whose body is a C function.
 */
#ifndef CRUN__CTASK_H
#define CRUN__CTASK_H

#include "cgreenlet.h"
#include "task.h"

void crun__ctask_type_init(crun_hub *hub);

/* Calls fn for every C task that has not ended; fn may cancel it. */
void crun__ctask_each(crun_hub *hub, void (*fn)(crun_task *task, void *arg), void *arg);

/* The name it was given, or NULL. */
const char *crun__ctask_name(const crun_task *task);

/* Where a C task, or the main task of a C host, keeps its greenlets; NULL there: it has none. */
crun__cgreenlets **crun__ctask_greenlets(crun_task *task);

#endif
