/*
 * SPDX-License-Identifier: MIT
 *
 * What the life of a C task does with its greenlets.
 */
#ifndef CRUN__CGREENLET_H
#define CRUN__CGREENLET_H

#include "task.h"

typedef struct crun__cgreenlets crun__cgreenlets;

/* Unwinds the suspended greenlets of the running task, the last started first. May wait. */
void crun__cgreenlets_unwind(crun_task *task);

/* The same, and the end of all its greenlets. */
void crun__cgreenlets_end(crun_task *task);

#endif
