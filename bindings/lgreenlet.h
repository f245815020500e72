/*
 * SPDX-License-Identifier: MIT
 *
 * Greenlets of Lua tasks: a coroutine each, on a C stack of its own.
 *
 * Laws:
 * - A greenlet's body runs under its own protected call, so no error crosses to another stack.
 * - Values go straight from the one's Lua stack to the other's: whoever is suspended stands in a
 *   call of `switch` or `throw`, whose frame has its own userdata at index 1 and receives them.
 * - The task's active greenlet is anchored for as long as it is active; one that is suspended is
 *   kept by whoever may switch to it. If that is nobody, its finalizer brings it back onto the list
 *   of abandoned ones, and the task's next switch unwinds it.
 * - A doomed greenlet, abandoned or left when its task's body is over, gets the error that ends it
 *   from its switch, and from each further one that it tries.
 */
#ifndef CRUN__LGREENLET_H
#define CRUN__LGREENLET_H

#include "bind.h"

typedef struct crun__lgreenlet {
    crun__object object;
    crun__greenlet base;
    lua_State *L;  /* where it is suspended; new: its coroutine; not valid while it is active */
    lua_State *co; /* its coroutine, until it is dead; the root's is the task's */
    struct crun__lgreenlet *reaper; /* doomed: who goes on when it has ended */
    int count;                      /* values handed over to it, on top of L's stack */
    bool raise;                     /* the one value is an error */
} crun__lgreenlet;

/* What a task's greenlets share. */
typedef struct crun__lgreenlets {
    crun__object object;
    crun__greenlets body;
    lua_Integer exit; /* the scope of the errors that end a greenlet and go no further */
    bool abandoned;   /* there are some */
} crun__lgreenlets;

/* User values of a greenlet; of what they share. */
enum {
    CRUN__GREENLET_CO = 1,
    CRUN__GREENLET_PARENT,
    CRUN__GREENLET_OF,
    CRUN__GREENLET_NEXT,
    CRUN__GREENLET_REAPER
};
enum {
    CRUN__GREENLETS_EXIT = 1, /* the error that ends a doomed one */
    CRUN__GREENLETS_ABANDONED,
    CRUN__GREENLETS_ERROR, /* that came out of one last, and its traceback */
    CRUN__GREENLETS_TRACEBACK
};

/* Values that did not fit onto the receiver's stack; it raises. */
#define CRUN__GREENLET_LOST (-1)

static inline crun__lgreenlet *crun__lgreenlet_of(crun__greenlet *g)
{
    return crun__container_of(g, crun__lgreenlet, base);
}

static inline crun__lgreenlets *crun__lgreenlets_of(const crun__lgreenlet *g)
{
    return crun__container_of(g->base.of, crun__lgreenlets, body);
}

/* The greenlet at the index; raises an argument error. */
crun__lgreenlet *crun__lgreenlet_check(lua_State *L, int index);

/* Pushes the running task's active greenlet, making the root if there is none yet. */
crun__lgreenlet *crun__lgreenlet_current(lua_State *L);

/* The body of a greenlet whose coroutine holds itself, a message handler, a function, arguments. */
crun__greenlet *crun__lgreenlet_run(crun__greenlet *g);

/* The message handler: keeps the traceback of an error that comes out of a greenlet. */
int crun__lgreenlet_on_error(lua_State *L);

/* greenlet:switch(...), greenlet:throw([err]) */
int crun__l_greenlet_switch(lua_State *L);
int crun__l_greenlet_throw(lua_State *L);

/* --- for the life of tasks ----------------------------------------------------------------- */

/*
 * Unwinds the suspended greenlets of the running task, its root not counted, the last started
 * first. Its body is over, or never goes on. May wait.
 */
void crun__greenlets_unwind(lua_State *L, crun_task *task);

/* The same, and the end of all greenlets of the task. */
void crun__greenlets_end(lua_State *L, ltask *task);

/* Those of the main task are left behind with it. */
void crun__greenlets_drop_main(crun__lua *u);

/*
 * If the error on top of the task's coroutine came out of a greenlet: pushes where it arose, as two
 * strings. Returns: how many.
 */
int crun__greenlet_error_traceback(lua_State *L, ltask *task);

/*
 * Adds the tracebacks of the greenlets that wait for the active one, up to the root, to the string
 * on top; of a task that is not at its root. Returns: whether it was such a task.
 */
bool crun__greenlet_tracebacks(lua_State *L, const ltask *task);

/*
 * The coroutine of the task's active greenlet; the task's own at its root. Only looks, as a signal
 * handler must.
 */
lua_State *crun__greenlet_coroutine(const ltask *task);

#endif
