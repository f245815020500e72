/* SPDX-License-Identifier: MIT */
#ifndef CRUN__INPUT_H
#define CRUN__INPUT_H

#include "task.h"

/*
 * Waits, on behalf of the running task, until a descriptor that others opened and go on using (a
 * terminal, an inherited pipe) has something to read or has ended. It stays in blocking mode. A
 * regular file, and whatever cannot be watched, counts as readable at once: reading it tells.
 * Returns: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED, or a code of libuv's. Switches: yes, parking by
 * stack.
 */
int crun__input_wait(crun_task *task, int fd, crun_time deadline);

#endif
