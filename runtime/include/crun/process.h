/*
 * SPDX-License-Identifier: MIT
 *
 * Child processes.
 *
 * Laws:
 * - A child that has ended is reaped at once, whether anybody waits for it or not, and no other
 *   process of this program's is ever reaped: no zombies, no stolen exits.
 * - Every waiter gets the same answer; one that leaves disturbs nobody.
 * - A child gets the descriptors that it is given and no other, whatever any thread has open.
 * - A program that cannot be started is an error of the start, and leaves nothing behind.
 *
 * A child that nobody waits for keeps neither the hub nor the program from ending, and lives on
 * after both. Processes are counted; the last reference forgets the child, which lives on too.
 *
 * Thread, for everything here: the hub's.
 */
#ifndef CRUN_PROCESS_H
#define CRUN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include <crun/hub.h>
#include <crun/task.h>

typedef struct crun_process crun_process;

/* In place of a source: /dev/null. */
#define CRUN_FD_NULL (-1)

typedef struct crun_process_fd {
    int target;    /* the child's descriptor */
    int source;    /* ours, or CRUN_FD_NULL; may be in any mode, and stays open here */
    bool blocking; /* make it so: both processes have one mode for what they share */
} crun_process_fd;

/* What did not go. */
typedef enum crun_process_step {
    CRUN_PROCESS_PREPARE, /* here: memory, descriptors, the number of processes */
    CRUN_PROCESS_CWD,
    CRUN_PROCESS_FDS,
    CRUN_PROCESS_GROUP,
    CRUN_PROCESS_EXEC /* the program */
} crun_process_step;

typedef struct crun_process_options {
    size_t size;             /* sizeof(crun_process_options), so that it can grow */
    const char *file;        /* with a slash in it: a path; else looked up in the child's PATH */
    char *const *args;       /* up to a NULL, the program's name first */
    char *const *env;        /* "NAME=value" up to a NULL; NULL: this program's environment */
    const char *cwd;         /* NULL: this program's */
    crun_process_fd *fds;    /* others are closed, but for those of 0 to 2 that exec leaves open */
    size_t fd_count;         /* each target once, 0 to 255 */
    bool group;              /* make it the leader of a process group of its own */
    bool session;            /* make it the leader of a session of its own, and of a group */
    crun_process_step *step; /* NULL, or receives what failed */
} crun_process_options;

/* How a process ended: by exit, or by a signal, which is 0 otherwise. */
typedef struct crun_exit {
    int code; /* of exit; -signal if it was killed */
    int signal;
} crun_exit;

/*
 * Starts a program. All signals have their default action there but those that this program
 * ignores; SIGPIPE is never ignored. No signal is blocked. Switches: never; the thread stands
 * still until the program has been loaded. Returns: 0 and the process with one reference;
 * CRUN_ENOMEM, CRUN_EINVAL; a code of the system's, ENOENT for a missing program.
 */
CRUN_API int crun_process_start(crun_hub *hub, const crun_process_options *options,
                                crun_process **out);

/*
 * Waits for the end. Switches: may. Returns: 0; CRUN_ETIMEDOUT, CRUN_ECANCELED; CRUN_ECLOSED: the
 * hub has ended; ECHILD when somebody else in this program has taken the child's exit.
 */
CRUN_API int crun_process_wait(crun_process *process, crun_exit *out, crun_time deadline);

/* Returns: 1 and the exit, 0 it has not ended, or a code as crun_process_wait. */
CRUN_API int crun_process_poll(crun_process *process, crun_exit *out);

/*
 * Sends a signal: to the process; or to all that is left of the group it leads, even after its own
 * end. Returns: 0; ESRCH when there is nobody any more; a code of the system's.
 */
CRUN_API int crun_process_kill(crun_process *process, int signal);
CRUN_API int crun_process_kill_group(crun_process *process, int signal);

CRUN_API int crun_process_pid(const crun_process *process);
CRUN_API crun_process *crun_process_retain(crun_process *process);
CRUN_API void crun_process_release(crun_process *process);

#endif
