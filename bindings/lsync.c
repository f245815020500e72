/* SPDX-License-Identifier: MIT */
#include "lsync.h"

#include "lerror.h"
#include "lsite.h"

static int with_finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    return lua_gettop(L) - 1;
}

/*
 * Closing it by the frame, and not behind a protected call, leaves the traceback of an error
 * whole.
 */
int crun__sync_with(lua_State *L)
{
    lua_toclose(L, 1);
    lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, with_finish);
    return with_finish(L, LUA_OK, 0);
}

int crun__sync_wait(lua_State *L, crun_task *self, int begun, crun_time deadline)
{
    if (begun == 0)
        return crun__lua_park(L, self, deadline, 0, crun__lua_finish_true);
    lua_pushboolean(L, 1);
    return 1;
}

lua_Integer crun__sync_count(lua_State *L, int index, lua_Integer least)
{
    if (lua_isnoneornil(L, index))
        return 1;
    if (!lua_isinteger(L, index))
        crun__lua_badarg(L, index, "an integer");
    if (lua_tointeger(L, index) < least)
        crun__lua_badarg(L, index, lua_pushfstring(L, "an integer >= %I", (LUAI_UACINT)least));
    return lua_tointeger(L, index);
}

/* --- who holds what ----------------------------------------------------------------------- */

/*
 * The function that took it last is the object's user value, so that its chunk's name lives on. To
 * ask for that name costs more than all the rest, and mostly the same function comes again.
 */
void crun__hold_note_now(lua_State *L, crun_hold *hold, int index)
{
    lua_Debug ar;
    if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "fl", &ar))
        return;
    hold->line = ar.currentline;
    hold->noted = true;
    if (lua_topointer(L, -1) == hold->function) {
        lua_pop(L, 1);
        return;
    }
    lua_getinfo(L, "S", &ar);
    hold->function = lua_topointer(L, -1);
    hold->source = ar.source;
    lua_setiuservalue(L, index, 1);
}

void crun__hold_task(lua_State *L, const crun_task *task)
{
    if (!crun__is_ltask(task)) {
        lua_pushfstring(L, "task#%I", (LUAI_UACINT)task->id);
        return;
    }
    crun__ltask_push(L, (const ltask *)task);
    crun__ltask_describe(L, -1);
    lua_remove(L, -2);
}

void crun__hold_site(lua_State *L, const crun_hold *hold)
{
    if (!hold->source || hold->line <= 0) {
        lua_pushliteral(L, "");
        return;
    }
    crun__place_push(L, hold->source, hold->line);
    lua_pushfstring(L, " (%staken at %s)", hold->noted ? "" : "usually ", lua_tostring(L, -1));
    lua_remove(L, -2);
}

void crun__hold_describe(lua_State *L, const crun_hold *hold)
{
    if (!hold->task) {
        lua_pushliteral(L, "nobody holds");
        return;
    }
    if (crun__hold_deserted(hold)) {
        lua_pushfstring(L, "task#%I ended without releasing", (LUAI_UACINT)hold->deserter);
    } else {
        crun__hold_task(L, hold->task);
        lua_pushliteral(L, " holds");
        lua_concat(L, 2);
    }
    crun__hold_site(L, hold);
    lua_concat(L, 2);
}

/* "deadlock: task#2 asks for a Lock that task#3 holds (...); task#3 waits for a Lock that ..." */
static int raise_circle(lua_State *L, const crun_hold *hold)
{
    const crun_task *self = crun__hub->current, *task = self;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_where(L, 1);
    luaL_addvalue(&b);
    luaL_addstring(&b, "deadlock: ");
    const char *verb = " asks for ";
    do {
        crun__hold_task(L, task);
        luaL_addvalue(&b);
        luaL_addstring(&b, verb);
        luaL_addstring(&b, hold->kind);
        luaL_addstring(&b, " that ");
        crun__hold_describe(L, hold);
        luaL_addvalue(&b);
        task = hold->task;
        hold = crun__hold_awaited(task);
        verb = " waits for ";
        if (task != self)
            luaL_addstring(&b, "; ");
    } while (task != self);
    luaL_pushresult(&b);
    return lua_error(L);
}

int crun__hold_fail(lua_State *L, const crun_hold *hold, int code)
{
    crun_task *self = crun__hub->current;
    if (code == CRUN_EDEADLK && crun__hold_circular(hold, self))
        return raise_circle(L, hold);
    if (code == CRUN_EBROKEN) {
        crun__hold_describe(L, hold);
        return luaL_error(L, "this %s is lost: %s", hold->kind, lua_tostring(L, -1));
    }
    return crun__lua_fail(L, crun__lua_raise(L, self, code));
}

int crun__hold_refuse(lua_State *L, const crun_hold *hold, const char *deed)
{
    crun__hold_describe(L, hold);
    return luaL_error(L, "%s of %s that %s", deed, hold->kind, lua_tostring(L, -1));
}

void crun__hold_forget(crun_hold *hold)
{
    if (hold->task && !crun__hold_deserted(hold))
        crun__hold_drop(hold);
}
