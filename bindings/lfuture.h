/*
 * SPDX-License-Identifier: MIT
 *
 * What other bindings need of the Future object.
 */
#ifndef CRUN__LFUTURE_H
#define CRUN__LFUTURE_H

#include "../runtime/future.h"
#include "bind.h"

typedef struct lfuture {
    crun__object object;
    crun_future future;
    int results; /* how many; one is the first user value itself, more are a table there */
    bool seen;   /* somebody has looked at its failure, or was waiting to */
} lfuture;

extern const crun__class crun__future_class;

/* The future at the index, or NULL. */
static inline lfuture *crun__lfuture_test(lua_State *L, int index)
{
    return crun__object_test(L, index, &crun__future_class);
}

/* Pushes a new one that is pending. */
lfuture *crun__lfuture_new(lua_State *L);

/*
 * What set_result, set_error and cancel do with the pending future at the index: to the values on
 * top, the error on top, a cancel error on top. They are popped. Switches: never.
 */
void crun__lfuture_return(lua_State *L, int index, int results);
void crun__lfuture_fail(lua_State *L, int index);
void crun__lfuture_cancel(lua_State *L, int index);

/* The same as crun__lfuture_fail to the error and a traceback on top. */
void crun__lfuture_fail_with(lua_State *L, int index);

/*
 * Cancels the pending future at the index, or asks the worker that is to set it; see lremote.c. The
 * cancel error on top is popped.
 */
void crun__lfuture_ask(lua_State *L, int index);

/* Pushes the results of one that has returned. Returns: how many. */
int crun__lfuture_results(lua_State *L, int index);

/* Pushes the first of them, or nil. */
void crun__lfuture_first_result(lua_State *L, int index);

/* Pushes the error, or cancel error, of one that failed or was cancelled. */
void crun__lfuture_error(lua_State *L, int index);

/* Somebody looks at how it ended: its failure need not be reported. Needs no memory. */
void crun__lfuture_look(lua_State *L, int index);

/* Protected, at the program's end: reports the failures that nobody has looked at. */
void crun__lfuture_report_all(lua_State *L, void *arg);

#endif
