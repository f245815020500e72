/* SPDX-License-Identifier: MIT
 * A C host: a task written in C and the tasks of a Lua script talk over one channel.
 * Run: make && build/examples/embed/minimal
 * Elsewhere: cc minimal.c $(pkg-config --cflags --libs crun-lua) -o minimal && ./minimal */
#include <crun/lua.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

static const char script[] =
    "local numbers = ...\n"
    "for n = 1, 3 do crun.spawn(function() crun.sleep(n / 100) numbers:put(n) end) end\n"
    "crun.sleep(0.1) print('Lua: no more numbers') numbers:close()\n";
static int add_up(void *numbers)
{
    crun_value n;
    long long sum = 0;
    while (crun_chan_recv(numbers, &n, CRUN_FOREVER) == 0)
        printf("C: got %lld, %lld so far\n", (long long)n.as.integer, sum += n.as.integer);
    return 0;
}
int main(void)
{
    crun_hub *hub;
    crun_chan *numbers;
    lua_State *L = luaL_newstate();
    if (!L || crun_hub_new(&hub, NULL) < 0 || crun_lua_attach(L, hub) < 0 ||
        crun_chan_new(&numbers, 2) < 0 || crun_spawn(hub, add_up, numbers, NULL, NULL) < 0)
        return 1;
    luaL_openlibs(L);
    luaL_requiref(L, "crun", luaopen_crun_core, 1);
    luaL_loadstring(L, script);
    crun_lua_pushchan(L, numbers);
    crun_lua_spawn(L, 1); /* the script is a task, too, and gets the channel as its argument */
    int rc = crun_hub_run(hub);
    lua_close(L);
    crun_chan_release(numbers);
    crun_hub_free(hub);
    return rc < 0;
}
