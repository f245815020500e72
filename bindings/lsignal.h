/*
 * SPDX-License-Identifier: MIT
 *
 * SIGINT and SIGTERM as cancellation, SIGPIPE as an error of the write that caused it, SIGQUIT as
 * the wish to see the tasks.
 *
 * Laws:
 * - The first SIGINT or SIGTERM cancels the main task and all others, so that clean-ups run; the
 *   second ends the process at once, with status 128 + its number and no clean-up.
 * - The signal reaches a hub that waits, and Lua code that computes, like lua(1)'s own Ctrl-C; a
 *   coroutine inside of a task as lpoke.h says.
 * - SIGQUIT is the program's alone. It prints the tasks on stderr, and everything goes on.
 * - A library call that blocks in the kernel outside of the hub (io.read) is interrupted.
 * - Writing to a closed connection fails with EPIPE; writing to a closed standard output, or any
 *   other file of Lua's, ends the process as it does under lua(1).
 * - Signals belong to a process and not to a hub: one hub of the process has them, the first that
 *   asks. Its thread must be the process's main thread, where the kernel delivers them.
 */
#ifndef CRUN__LSIGNAL_H
#define CRUN__LSIGNAL_H

#include <stdbool.h>

#include <crun/hub.h>

/*
 * What the first signal does; called on the hub's thread, in the middle of a task's Lua code or
 * outside of any.
 */
typedef void crun__signals_act(int signo);

/*
 * Takes the signals for the state attached to the hub. `program`: SIGINT is taken even if the
 * parent process wants it ignored, as lua(1) does; a module leaves every signal alone that is being
 * ignored.
 * Returns: whether they are taken now; false when another hub has them, or off the main thread.
 */
bool crun__signals_take(crun_hub *hub, bool program);

/* Puts back what was there before; before the hub goes away. Does nothing if not taken. */
void crun__signals_give_back(const crun_hub *hub);

/* What the first signal does from now on; NULL: cancel everything. */
void crun__signals_set_act(crun__signals_act *act);

/*
 * Cancels everything as the first SIGTERM does, unless a signal has come already. Thread: any, also
 * before the signals are taken: then it ends the process. crun__signals_asked: whether that was it.
 */
void crun__signals_ask(void);
bool crun__signals_asked(void);

/*
 * The process is a worker of that parent: the second signal kills it as that signal, so that the
 * parent can tell; a SIGTERM of the parent's is never the second. 0: it is nobody's worker.
 */
void crun__signals_set_parent(int parent_id);

/* Ends the process by that signal, as if it had never been taken. For signal handlers, too. */
_Noreturn void crun__signals_die(int signo);

/* The signal that has come, 0 if none has; its name. Forgetting it makes the next one the first. */
int crun__signals_taken(void);
const char *crun__signals_name(void);
void crun__signals_forget(void);

#endif
