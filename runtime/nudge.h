/*
 * SPDX-License-Identifier: MIT
 *
 * A nudge: a signal that one thread sends another, so that something is done in the middle of what
 * that one computes.
 *
 * The signal is SIGURG: its default is to be ignored, and who uses it for urgent data of a socket
 * can do with one too many. A handler that was there before is called as well.
 */
#ifndef CRUN__NUDGE_H
#define CRUN__NUDGE_H

#include <pthread.h>
#include <signal.h>

enum { CRUN__NUDGE = SIGURG };

/*
 * From the first take to the last give back the process has the handler. In a thread with a hub it
 * calls, inside the signal handler, the look of the hub's monitor and its on_nudge. Thread: any.
 */
void crun__nudge_take(void);
void crun__nudge_give_back(void);

/* Nudges a thread that has not been joined. Thread: any. */
void crun__nudge(pthread_t thread);

#endif
