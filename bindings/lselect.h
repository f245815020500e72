/*
 * SPDX-License-Identifier: MIT
 *
 * Select, what its parts share: reading the cases (lselect_read.c), those on queues
 * (lselect_queue.c), waiting for them (lselect.c).
 */
#ifndef CRUN__LSELECT_H
#define CRUN__LSELECT_H

#include "../runtime/select.h"
#include "bind.h"

/* Upvalues of the function: see lselect.c; and the names of the options. */
enum { LSELECT_UP_POOL = 1, LSELECT_UP_COUNT, LSELECT_UP_TIMEOUT, LSELECT_UP_DEFAULT };

/*
 * The memory of a select, a userdata. Its user value keeps the cases as long as it waits, should
 * its coroutine be lost.
 */
typedef struct lselect {
    crun__select base;
    size_t capacity;
    bool with_default;
    bool sends; /* there are cases that bring a value */
    crun__case cases[];
} lselect;

/*
 * The stack of a select: the list of cases, its memory, then for each case the case, and its first
 * three elements: the object, the verb, the value. They are kept there since the list may be
 * changed while the select waits. A value for a case that waits to receive, if it is not in the
 * case, comes to lie on top.
 */
enum { LSELECT_LIST = 1, LSELECT_MEMORY, LSELECT_CASES };

static inline int crun__lselect_case(size_t place)
{
    return (int)(LSELECT_CASES + 4 * place);
}

static inline int crun__lselect_object(size_t place)
{
    return crun__lselect_case(place) + 1;
}

static inline int crun__lselect_value(size_t place)
{
    return crun__lselect_case(place) + 3;
}

/* Raises unless there is a table at index 1. */
void crun__lselect_check(lua_State *L);

/*
 * Reads the list at index 1 into the memory at index 2, in which there is room for `count` cases,
 * and lays out the stack as said above. Raises for what is no case.
 */
void crun__lselect_read(lua_State *L, lselect *s, size_t count);

/* Of a case on a Task or Future: whether its error is to be raised. */
static inline bool crun__lselect_raises(const crun__case *c)
{
    return c->value.as.boolean;
}

/* Raises that the case at a place, from 0, is bad. */
int crun__lselect_bad(lua_State *L, size_t place, const char *what);

/* --- cases on queues ---------------------------------------------------------------------- */

extern const crun__case_type crun__case_get, crun__case_put, crun__case_recv, crun__case_send;

/* Whether it receives a value from a queue, or brings one. */
static inline bool crun__lselect_receives(const crun__case *c)
{
    return c->type->wait.give;
}

static inline bool crun__lselect_sends(const crun__case *c)
{
    return c->type->wait.take;
}

/* The one that is ready is done: pushes its results. The stack is lost. */
int crun__lselect_take(lua_State *L, const crun__case *c, size_t place);

/*
 * A case that has waited to put into a PriorityQueue has got the promise of a place, its result;
 * the value is still here. Keeping it pushes the results. The stack is lost.
 */
bool crun__lselect_promised(const crun__case *c);
int crun__lselect_keep_promise(lua_State *L, int promise, size_t place);

/* Makes all values to be sent ready to be taken without allocating. Returns a status of Lua's. */
int crun__lselect_prepare(lua_State *L, lselect *s);

/* Takes back what has not been taken; `taken`: the case whose value has, or NULL. */
void crun__lselect_take_back(lua_State *L, lselect *s, const crun__case *taken);

/* Pushes what a case that waited has received. */
void crun__lselect_fetch(lua_State *L, const crun__case *c, size_t place);

#endif
