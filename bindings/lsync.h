/*
 * SPDX-License-Identifier: MIT
 *
 * What the bindings of locks and their kin share. All of them take `self` at index 1.
 */
#ifndef CRUN__LSYNC_H
#define CRUN__LSYNC_H

#include "../runtime/hold.h"
#include "../runtime/sync_impl.h"
#include "bind.h"

/*
 * What follows once something has been acquired:
 *   acquire([t]) -> true
 *   hold([t])    -> the object, for `local held <close> =`: its __close releases
 *   with(fn, ...) -> fn's results; the object is closed behind it, also on an error or cancel
 */
enum { CRUN__ACQUIRE, CRUN__HOLD, CRUN__WITH };

/* The deadline of such a call. The stack then ends below it; for WITH, checks the function. */
static inline crun_time crun__sync_deadline(lua_State *L, lua_KContext mode)
{
    if (mode != CRUN__WITH)
        return crun__lua_last_deadline(L, 2);
    crun__lua_checkcallable(L, 2);
    return CRUN_FOREVER;
}

/* Calls the function above the object, which is closed behind it. */
int crun__sync_with(lua_State *L);

/* Returns what the call returns. Must be the last thing its caller does. */
static inline int crun__sync_acquired(lua_State *L, lua_KContext mode)
{
    if (mode == CRUN__WITH)
        return crun__sync_with(L);
    if (mode == CRUN__ACQUIRE)
        lua_pushboolean(L, 1);
    return 1;
}

/* `begin` has returned: finishes, fails or parks. */
int crun__sync_wait(lua_State *L, crun_task *self, int begun, crun_time deadline);

/* A count at the index, 1 where it is absent. Raises unless it is an integer from `least` on. */
lua_Integer crun__sync_count(lua_State *L, int index, lua_Integer least);

/* The Semaphore or BoundedSemaphore, or the Event, at the index; or NULL. */
crun_sem *crun__lsem_test(lua_State *L, int index);
crun_event *crun__levent_test(lua_State *L, int index);

/* --- who holds what ----------------------------------------------------------------------- */

/*
 * Notes the place from which the running function was called as that where the hold was taken,
 * which is part of the object at the index. That takes longer than all the rest of taking a free
 * lock; so it is done for the first times only, and now and then.
 */
void crun__hold_note_now(lua_State *L, crun_hold *hold, int index);

enum { CRUN__NOTED_FIRST = 64, CRUN__NOTED_EVERY = 64 };

static inline void crun__hold_note(lua_State *L, crun_hold *hold, int index)
{
    if (hold->taken <= CRUN__NOTED_FIRST || hold->taken % CRUN__NOTED_EVERY == 0)
        crun__hold_note_now(L, hold, index);
}

/*
 * Pushes "nobody holds", or "task#3 'x' holds (taken at file:12)"; "usually" where it is not
 * certain.
 */
void crun__hold_describe(lua_State *L, const crun_hold *hold);

/* Pushes " (taken at file:12)", or nothing but an empty text where that is not known. */
void crun__hold_site(lua_State *L, const crun_hold *hold);

/* Pushes "task#3 'x'"; for a task that is not Lua's, "task#3". */
void crun__hold_task(lua_State *L, const crun_task *task);

/*
 * Asking for it has failed: raises for a circle, telling who waits for whom, and for what has been
 * left behind; returns the failure for any other code.
 */
int crun__hold_fail(lua_State *L, const crun_hold *hold, int code);

/* Raises that the caller does not hold it, and who does. */
int crun__hold_refuse(lua_State *L, const crun_hold *hold, const char *deed);

/* The object is collected. */
void crun__hold_forget(crun_hold *hold);

#endif
