/*
 * SPDX-License-Identifier: MIT
 *
 * Tasks: functions that run beside each other on one hub and may wait anywhere.
 *
 * Laws:
 * - A new task has not run when crun_spawn returns; it runs at the spawner's next wait, in spawn
 * order.
 * - Cancellation is level-triggered: once a task is cancelled, each of its waits fails with
 *   CRUN_ECANCELED until it ends. An operation that need not wait still succeeds, and a result that
 *   arrived before the cancel is delivered.
 * - A task cancelled before its first turn never starts.
 * - Besides the codes that a function names, each wait can fail with CRUN_ENOMEM (no memory for its
 *   deadline) and CRUN_ENOSTACK (no stack on which others could run meanwhile), and the main task's
 *   with CRUN_EDEADLK (nothing that is alive can end it).
 * - The hub keeps a task until it has ended. Who wants to look at a C task later retains it.
 *
 * Thread, for everything here: the hub's.
 */
#ifndef CRUN_TASK_H
#define CRUN_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crun/hub.h>

typedef struct crun_task crun_task;

typedef enum crun_task_status {
    CRUN_TASK_NEW,
    CRUN_TASK_READY,
    CRUN_TASK_RUNNING,
    CRUN_TASK_WAITING,
    CRUN_TASK_RETURNED,
    CRUN_TASK_FAILED,
    CRUN_TASK_CANCELLED
} crun_task_status;

typedef struct crun_task_options {
    size_t size;      /* sizeof(crun_task_options), so that it can grow */
    const char *name; /* kept by reference; NULL: none */
    bool daemon;      /* the program may end without it */
} crun_task_options;

/*
 * What a C task runs; returns its result. CRUN_ECANCELED from a cancelled task makes it count as
 * cancelled, any other negative value as failed.
 */
typedef int crun_task_fn(void *arg);

/*
 * Starts fn(arg) as a task; options may be NULL. Switches: never.
 * Returns: 0, or CRUN_ENOMEM. out, when not NULL, receives the task, retained for the caller.
 */
CRUN_API int crun_spawn(crun_hub *hub, crun_task_fn *fn, void *arg,
                        const crun_task_options *options, crun_task **out);

/* For tasks of crun_spawn only: a Lua task belongs to Lua's collector. */
CRUN_API void crun_task_retain(crun_task *task);
CRUN_API void crun_task_release(crun_task *task);

/* The running task; NULL inside callbacks of the hub and on threads without one. */
CRUN_API crun_task *crun_task_current(void);

CRUN_API uint64_t crun_task_id(const crun_task *task);
CRUN_API crun_task_status crun_task_get_status(const crun_task *task);
CRUN_API bool crun_task_done(const crun_task *task);

/* What the function of a task of crun_spawn returned; 0 before it has. */
CRUN_API int crun_task_result(const crun_task *task);

/* A daemon does not keep the program alive. May be changed until the task ends. */
CRUN_API bool crun_task_is_daemon(const crun_task *task);
CRUN_API void crun_task_set_daemon(crun_task *task, bool daemon);

/*
 * Asks the task to end. Switches: never.
 * Returns: 0, or CRUN_EALREADY when it is over.
 */
CRUN_API int crun_task_cancel(crun_task *task);

/*
 * Waits until the task has ended, however it ended. Switches: yes.
 * Returns: 0, CRUN_ETIMEDOUT, CRUN_ECANCELED (the caller was cancelled), CRUN_EDEADLK (itself).
 */
CRUN_API int crun_task_join(crun_task *task, crun_time deadline);

/* Waits until the deadline. Returns: 0 or CRUN_ECANCELED. Switches: yes. */
CRUN_API int crun_sleep_until(crun_hub *hub, crun_time deadline);

/* Lets every other ready task run once. Returns: 0 or CRUN_ECANCELED. Switches: yes. */
CRUN_API int crun_yield(crun_hub *hub);

#endif
