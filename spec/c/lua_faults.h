/*
 * SPDX-License-Identifier: MIT
 *
 * Lua on a hub while memory runs out, Lua's own or the runtime's beneath it. A script is repeated
 * with the first, the second ... allocation failing, once or from then on, until it passes.
 * Whatever failed: nothing crashes, the error comes out where Lua raises errors, afterwards the
 * state works, and it can be closed without anything left.
 */
#ifndef LUA_FAULTS_H
#define LUA_FAULTS_H

#include <lauxlib.h>
#include <lualib.h>

#include <crun/lua.h>

#include "faults.h"
#include "test.h"

enum { GIVE_UP = 20000 };

static struct {
    bool on;
    bool ever_after;
    bool fired;
    long at;
    long seen;
    long blocks;
} memory;

static bool memory_fails(void)
{
    if (!memory.on) {
        return false;
    }
    memory.seen++;
    bool fails = memory.seen == memory.at || (memory.ever_after && memory.seen > memory.at);
    memory.fired = memory.fired || fails;
    return fails;
}

/* Lua relies on it that a block can always shrink. */
static void *allocate(void *unused, void *block, size_t old_size, size_t size)
{
    (void)unused;
    if (size == 0) {
        memory.blocks -= block != NULL;
        __real_free(block);
        return NULL;
    }
    if ((!block || size > old_size) && memory_fails()) {
        return NULL;
    }
    void *moved = __real_realloc(block, size);
    memory.blocks += !block && moved;
    return moved;
}

/* --- what is run ---------------------------------------------------------------------------- */

static const char setup[] = "package.path = 'lua/?.lua;lua/?/init.lua'\n"
                            "crun = require 'crun'\n"
                            "crun.on_error = function() end\n";

static const char probe[] = "local t = crun.spawn(function() crun.sleep(.01) return "
                            "crun.gather(function() return 42 end) end)\n"
                            "assert(t:get() == 42)\n";

static int run_text(lua_State *L)
{
    const char *text = lua_touserdata(L, 1);
    if (luaL_loadstring(L, text) != LUA_OK) {
        return lua_error(L);
    }
    lua_call(L, 0, 0);
    return 0;
}

/* A channel of this program's, as a Queue. */
static crun_chan *chan;

static int push_chan(lua_State *L)
{
    crun_lua_pushchan(L, chan);
    lua_setglobal(L, "chan");
    return 0;
}

static int open_all(lua_State *L)
{
    luaL_openlibs(L);
    luaL_requiref(L, "crun.core", luaopen_crun_core, 0);
    return 0;
}

/* Returns: a status of Lua's; a message is printed unless it is expected to fail. */
static int call(lua_State *L, lua_CFunction fn, const char *text, bool quiet)
{
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, (void *)(uintptr_t)text);
    int status = lua_pcall(L, 1, 0, 0);
    if (status != LUA_OK && !quiet) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(L, -1));
    }
    lua_settop(L, 0);
    return status;
}

/* --- one attempt ---------------------------------------------------------------------------- */

typedef enum victim { LUA_OPENING, LUA_WORKING, RUNTIME_WORKING } victim;

typedef struct plan {
    const char *script;
    victim victim;
    bool ever_after;
    size_t stack_budget;
    long at;
} plan;

static void arm(const plan *p, victim now)
{
    if (p->victim != now) {
        return;
    }
    memory.at = p->at;
    memory.ever_after = p->ever_after;
    memory.seen = 0;
    memory.on = true;
}

static bool disarm(const plan *p)
{
    memory.on = false;
    if (p->victim == RUNTIME_WORKING) {
        return faults_end();
    }
    return memory.fired;
}

static bool open_state(lua_State *L, crun_hub *hub, const plan *p)
{
    arm(p, LUA_OPENING);
    bool ok = crun_lua_attach(L, hub) == 0 && call(L, open_all, NULL, true) == LUA_OK &&
              call(L, run_text, setup, true) == LUA_OK && call(L, push_chan, NULL, true) == LUA_OK;
    memory.on = false;
    return ok;
}

static bool work_and_finish(lua_State *L, const plan *p)
{
    arm(p, LUA_WORKING);
    if (p->victim == RUNTIME_WORKING) {
        faults_plan(p->at, p->ever_after);
    }
    bool ok = call(L, run_text, p->script, p->at < GIVE_UP) == LUA_OK;
    bool fired = disarm(p);
    bool works = CHECK_EQ_INT(call(L, run_text, probe, false), LUA_OK);
    ok = CHECK(ok || fired) && works;
    arm(p, LUA_WORKING);
    (void)crun_lua_finish(L, CRUN_LUA_CANCEL);
    memory.on = false;
    return ok;
}

/* Returns: whether a fault has been met, and everything went as it should. */
static bool attempt(const plan *p)
{
    crun_hub *hub = NULL;
    long blocks = faults.blocks, maps = faults.maps;
    int descriptors = open_descriptors();
    memory.fired = false;
    faults.fired = false;
    if (crun_hub_new(&hub, NULL) != 0 || crun_chan_new(&chan, 1) != 0) {
        abort();
    }
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    crun_hub_set_stack_budget(hub, p->stack_budget);
    lua_State *L = lua_newstate(allocate, NULL);
    bool opened = open_state(L, hub, p), ok = CHECK(opened || memory.fired);
    if (opened) {
        ok = work_and_finish(L, p) && ok;
    }
    lua_close(L);
    crun_chan_release(chan);
    crun_hub_free(hub);
    ok = CHECK_EQ_INT(memory.blocks, 0) && ok;
    ok = CHECK_EQ_INT(faults.blocks, blocks) && ok;
    ok = CHECK_EQ_INT(faults.maps, maps) && ok;
    ok = (p->at == GIVE_UP || CHECK_EQ_INT(open_descriptors(), descriptors)) && ok;
    if (!ok) {
        (void)fprintf(stderr, "    with allocation %ld failing%s, budget %zu\n", p->at,
                      p->ever_after ? " on" : "", p->stack_budget);
    }
    return ok && (memory.fired || faults.fired);
}

/* CRUN_SPEC_SCALE says how much of the work a slow flavour is to do. */
static long stride(void)
{
    const char *scale = getenv("CRUN_SPEC_SCALE");
    double part = scale ? strtod(scale, NULL) : 1;
    return part > 0 && part < 1 ? (long)(1 / part) : 1;
}

static void exhaust(const char *script, victim whose)
{
    plan p = {.script = script, .victim = whose, .at = GIVE_UP, .stack_budget = 1024};
    CHECK(!attempt(&p)); // nothing fails: what is made once per process is made now
    for (int mode = 0; mode < 4 && test_state.checks_failed == 0; mode++) {
        p.ever_after = mode & 1;
        p.stack_budget = mode & 2 ? 0 : 1024;
        p.at = 1 + mode;
        while (attempt(&p)) {
            p.at += stride();
            REQUIRE(p.at < GIVE_UP);
        }
        CHECK(p.at > 10);
    }
}

#endif
