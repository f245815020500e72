/*
 * SPDX-License-Identifier: MIT
 *
 * Signals to wait for, as a program that reloads on SIGHUP does.
 *
 * Laws:
 * - From the opening on a signal is not lost: one that comes while nobody waits is there for the
 *   next wait. Like the kernel's, a signal that comes again before it was looked at counts once.
 * - Each signal goes to one waiter, the one that waits longest.
 * - Every watch of the process gets every signal. Not for SIGINT, SIGTERM, SIGQUIT and SIGPIPE,
 *   which the bindings take, nor for SIGKILL and SIGSTOP.
 *
 * Thread, for everything here: the hub's. A watch keeps no program from ending, but who waits is
 * not deadlocked.
 */
#ifndef CRUN__SIGWATCH_H
#define CRUN__SIGWATCH_H

#include <stddef.h>

#include <crun/hub.h>
#include <crun/task.h>

typedef struct crun__sigwatch crun__sigwatch;

/* Returns: 0 and the watch; CRUN_EINVAL for a signal that cannot be watched, CRUN_ENOMEM. */
int crun__sigwatch_open(crun_hub *hub, const int *signals, size_t count, crun__sigwatch **out);

/* Closes and forgets it; who waits gets CRUN_ECLOSED. */
void crun__sigwatch_close(crun__sigwatch *watch);

/*
 * Returns: a signal's number, 0 when the task's wait is registered (after a wait with result 0,
 * begin again), or CRUN_ECLOSED.
 */
int crun__sigwatch_begin(crun__sigwatch *watch, crun_task *task);

#endif
