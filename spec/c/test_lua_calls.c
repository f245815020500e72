/* SPDX-License-Identifier: MIT */
/* A hub that outlives the Lua state it served: what the state had asked for is gone with it. */
#include <lauxlib.h>
#include <lualib.h>
#include <malloc.h>

#include <crun/lua.h>
#include <crun/stream.h>

#include "hub_support.h"

static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    if (!L || crun_lua_attach(L, hub) != 0) {
        abort();
    }
    luaL_openlibs(L);
    luaL_requiref(L, "crun.core", luaopen_crun_core, 0);
    lua_setglobal(L, "crun");
    return L;
}

static void run_text(lua_State *L, const char *text)
{
    if (!CHECK_EQ_INT(luaL_dostring(L, text), LUA_OK)) {
        (void)fprintf(stderr, "    %s\n", lua_tostring(L, -1));
    }
}

TEST(pending_calls_end_with_their_state)
{
    begin();
    crun_hub_set_clock(hub, CRUN_CLOCK_VIRTUAL);
    lua_State *L = open_state();
    run_text(L, "called = 0\n"
                "local function call() called = called + 1 end\n"
                "crun.call_later(.01, call)\n"
                "for i = 1, 100 do crun.call_later(9 + i, call) end\n"
                "crun.sleep(1)\n");
    CHECK_EQ_INT(stats().timers, 100);
    CHECK_EQ_INT(crun_lua_finish(L, 0), 0);
    CHECK_EQ_INT(stats().timers, 0);
    lua_getglobal(L, "called");
    CHECK_EQ_INT(lua_tointeger(L, -1), 1);
    lua_close(L);
    CHECK_EQ_INT(crun_sleep_until(hub, in_ms(200000)), 0);
    finish();
}

TEST(futures_that_failed_unseen_are_counted_at_the_end)
{
    begin();
    lua_State *L = open_state();
    run_text(L, "crun.on_error = function() crun.told = (crun.told or 0) + 1 end\n"
                "one, two = crun.Future(), crun.Future()\n"
                "one:set_error('told')\n"
                "two:set_error('looked at')\n"
                "two:exception()\n");
    CHECK_EQ_INT(crun_lua_finish(L, 0), 0);
    run_text(L, "assert(crun.told == 1)");
    lua_close(L);
    finish();
}

/* One end goes on writing behind its close: what it still has of the state's must not be read. */
TEST(a_port_reads_no_string_of_a_state_that_is_closed)
{
    enum { LARGE = 8000000 };
    /* What is freed stays mapped: or else the system would refuse to read it. */
    (void)mallopt(M_MMAP_THRESHOLD, 2 * LARGE);
    (void)mallopt(M_TRIM_THRESHOLD, 16 * LARGE);
    begin();
    lua_State *L = open_state();
    run_text(L, "local one, two = crun.socketpair()\n"
                "ends = { crun.port_open(one), two }\n"
                "ends[1]:send(1, 1, 1, ('x'):rep(8000000))\n"
                "ends[1]:close()\n"
                "crun.sleep(0)\n");
    lua_getglobal(L, "ends");
    lua_rawgeti(L, -1, 2);
    crun_stream *stream;
    REQUIRE(crun_stream_open(hub, (int)lua_tointeger(L, -1), &stream) == 0);
    CHECK_EQ_INT(crun_lua_finish(L, 0), 0);
    lua_close(L);
    size_t total = 0;
    ptrdiff_t some;
    char *bytes = malloc(LARGE);
    REQUIRE(bytes);
    while ((some = crun_stream_read(stream, bytes, LARGE, CRUN_FOREVER)) > 0) {
        total += (size_t)some;
    }
    CHECK_EQ_INT(some, 0);
    CHECK(total > 0 && total < LARGE);
    free(bytes);
    crun_stream_release(stream);
    turn();
    finish();
}

TEST_MAIN
