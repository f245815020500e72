/*
 * SPDX-License-Identifier: MIT
 *
 * Child processes as the bindings see them, and what process.c and spawn.c share.
 */
#ifndef CRUN__PROCESS_H
#define CRUN__PROCESS_H

#include <sys/types.h>

#include <crun/process.h>

/*
 * Registers the task's wait for the end. Returns: 1 it has ended, or cannot be waited for; 0
 * registered. Then, and after a wait with result 0, crun_process_poll tells how.
 */
int crun__process_begin(crun_process *process, crun_task *task);

/*
 * Starts the program in a new process. All that the child does before exec is done with the
 * parent's memory, in which nothing else of this thread runs meanwhile (vfork): so it takes the
 * same time however large this program is. Returns: the pid or a code.
 */
pid_t crun__spawn(const crun_process_options *options);

/* Makes exec close all descriptors from `low` on. Async-signal-safe. */
void crun__close_on_exec_from(int low);

/* The same without the system call for it, which is of 2020. */
void crun__close_on_exec_from_by_list(int low);

#endif
