/* SPDX-License-Identifier: MIT */
#ifndef CRUN__OVERFLOW_H
#define CRUN__OVERFLOW_H

#include <stdbool.h>

/*
 * Reports on a stack overflow before the process dies of it.
 *
 * The first thread that enters installs a process-wide handler for SIGSEGV and SIGBUS; it runs on
 * an alternate signal stack, since the faulting stack has no room left. In a thread that entered,
 * the handler asks `handle` about the address. If that says yes (it has reported), the default
 * action is restored and the faulting instruction runs again: the process dies by the signal, with
 * a core dump that points at the culprit. If it says no, or the thread never entered, the fault
 * goes to the handler that was there before, or to the default action. The last thread to leave
 * puts the earlier handlers back, unless somebody has installed others on top since.
 *
 * Under ASan the earlier handler is ASan's own, so other faults get its report as usual.
 */

/*
 * Watches the calling thread. handle(addr, arg) runs inside the signal handler, on the alternate
 * stack (at least 64 KiB), while the thread stands still in the middle of anything: it may only
 * read what is sure to be consistent, and must not switch contexts. An alternate stack that the
 * application has set already is kept if it is at least 32 KiB, else replaced until the thread
 * leaves.
 * Returns 0, -EBUSY if the thread has entered before, -ENOMEM, or another negative errno.
 */
int crun__overflow_enter_thread(bool (*handle)(void *addr, void *arg), void *arg);

/* Undoes the enter, in the same thread; without one it does nothing. */
void crun__overflow_leave_thread(void);

#endif
