/*
 * SPDX-License-Identifier: MIT
 *
 * A Task or a Future: what can be waited for until it has ended.
 *
 * A watch on its end (crun__watch_begin) has a type with queue_offset 0, and as its object
 * `joiners`.
 */
#ifndef CRUN__LAWAIT_H
#define CRUN__LAWAIT_H

#include "bind.h"

typedef struct crun__awaitable {
    crun_waitq *joiners;
    const crun_task *task; /* NULL: a Future */
} crun__awaitable;

/* Whether the value at the index is one. Somebody is about to look at how it ends. */
bool crun__awaitable_get(lua_State *L, int index, crun__awaitable *out);

/* Whether it is one, no more. */
bool crun__awaitable_test(lua_State *L, int index);

/* CRUN_TASK_WAITING for a Future that is pending. */
crun_task_status crun__awaitable_status(const crun__awaitable *a);

static inline bool crun__awaitable_ended(const crun__awaitable *a)
{
    return crun__awaitable_status(a) >= CRUN_TASK_RETURNED;
}

/* It failed or was cancelled. */
static inline bool crun__awaitable_bad(const crun__awaitable *a)
{
    return crun__awaitable_status(a) > CRUN_TASK_RETURNED;
}

/*
 * For one at the index that has ended: pushes all its results, returns how many (0 unless it has
 * returned); its first result, or nil; the error or cancel error of one that is bad.
 */
int crun__awaitable_results(lua_State *L, int index);
void crun__awaitable_first_result(lua_State *L, int index);
void crun__awaitable_error(lua_State *L, int index);

#endif
