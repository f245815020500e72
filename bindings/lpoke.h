/*
 * SPDX-License-Identifier: MIT
 *
 * Stopping Lua code that computes: a signal handler sets a debug hook in the coroutine that runs,
 * and at the next instruction there what was asked for is done, in the middle of that code.
 *
 * Laws:
 * - The hook is there for one event, or for preemption a few instructions. A hook of the user's
 *   gives way meanwhile, gets what it asked for, and is put back; what it counts starts anew.
 * - Only Lua code is stopped. A C function is left to end; nothing is done inside of a debug hook
 *   or a finalizer, where Lua calls no hooks.
 * - A coroutine inside of the task is stopped as well, if the program was linked with
 *   prog_resume.c, which keeps track of it; else when it has yielded or returned.
 */
#ifndef CRUN__LPOKE_H
#define CRUN__LPOKE_H

#include "bind.h"

/* What can be asked for, in the order in which it is done. */
enum crun__poke {
    CRUN__POKE_DUMP = 1u << 0,     /* print the tasks */
    CRUN__POKE_WATCH = 1u << 1,    /* report that the task runs for too long */
    CRUN__POKE_PREEMPT = 1u << 2,  /* let others run */
    CRUN__POKE_SWITCH = 1u << 3,   /* the same, a few instructions later: set in here only */
    CRUN__POKE_SIGNAL = 1u << 4,   /* act on a signal; may raise */
    CRUN__POKE_INTERRUPT = 1u << 5 /* act on an interrupt of this thread; may raise */
};

/* Asks for it. For signal handlers, on the hub's thread. */
void crun__poke(unsigned what);

/*
 * A signal can arrive in the instant in which tasks change places, when no coroutine is known to
 * run. So whoever gets no second chance asks again, a little later. Returns: whether there was
 * something left to do. For signal handlers.
 */
bool crun__poke_again(void);

/*
 * Does what has been asked for and not been done, outside of any task: a dump, a signal. Thread:
 * the hub's, in its callbacks.
 */
void crun__poke_serve(void);

/* --- what is done; L is where the task was stopped ------------------------------------------ */

/* Prints all tasks on stderr. */
void crun__dump_now(lua_State *L);

/* Tells that the running task holds the hub. */
void crun__watch_now(lua_State *L);

/* Lets others run, if the running task may be interrupted here. */
void crun__preempt_now(lua_State *L);

/* Acts on the signal that has come; in a task that it has cancelled, raises. */
void crun__signal_now(lua_State *L);

/* Acts on the interrupt that this thread's starter has sent, and raises. */
void crun__interrupt_now(lua_State *L);

#endif
