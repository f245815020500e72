/* SPDX-License-Identifier: MIT */
/* Tasks, the network, futures and greenlets while memory runs out. */
#include "lua_faults.h"

static const char work[] =
    "local q, small = crun.Queue(), crun.Queue(1)\n"
    "local consumer = crun.spawn(function() for v in q:iter() do small:put(v) end small:close() "
    "end)\n"
    "local sum = 0\n"
    "local adder = crun.spawn(function() for v in small:iter() do sum = sum + v end return sum "
    "end)\n"
    "adder:on_done(function(t) sum = t:result() end)\n"
    "adder.name = 'the adder'\n"
    "for i = 1, 12 do q:put(i) end\n"
    "q:close()\n"
    "local a, b = crun.gather(function() crun.sleep(.01) return 1 end, function() return 2, 3 "
    "end)\n"
    "assert(a == 1 and b == 2 and adder:get() == 78)\n"
    "local ok, err = pcall(crun.gather, { function() crun.sleep(9) end, function() error('x', 0) "
    "end })\n"
    "assert(not ok and err == 'x')\n"
    "local sorter = crun.spawn(function()\n"
    "  local t = { 3, 1, 2 }\n"
    "  table.sort(t, function(x, y) crun.yield() return x < y end)\n"
    "  return table.concat(t, ' ')\n"
    "end)\n"
    "local words = coroutine.wrap(function()\n"
    "  for w in ('a b'):gmatch('%a') do crun.sleep(.001) coroutine.yield(w) end\n"
    "end)\n"
    "assert(words() == 'a' and words() == 'b' and sorter:get() == '1 2 3')\n"
    "local r, _, code = crun.with_timeout(.01, crun.sleep, 1)\n"
    "assert(r == nil and code == 'ETIMEDOUT')\n"
    "local closed = 0\n"
    "local function guarded()\n"
    "  local guard <close> = setmetatable({}, { __close = function()\n"
    "    crun.shield(crun.sleep, .01)\n"
    "    closed = closed + 1\n"
    "  end })\n"
    "  crun.sleep(9)\n"
    "end\n"
    "local some = {}\n"
    "for i = 1, 4 do some[i] = crun.spawn(guarded) end\n"
    "crun.yield()\n"
    "crun.killall(some, 'enough')\n"
    "assert(closed == 4 and tostring(some[1]:exception()):find('enough'))\n"
    "local failed = crun.spawn(function() crun.yield() error { 'object' } end)\n"
    "assert(crun.joinall { failed, crun.spawn(function(...) return select('#', ...) end,\n"
    "  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24) })\n"
    "local many = crun.spawn(function() return table.unpack({}, 1, 90) end)\n"
    "assert(select('#', many:get()) == 90 and failed:exception()[1] == 'object')\n"
    "crun.spawn(function() error('reported') end)\n"
    "crun.spawn(function() crun.sleep(99) end).daemon = true\n"
    "crun.current():throw('thrown')\n"
    "assert(not pcall(crun.yield))\n"
    "crun.sleep(.1)\n";

static const char network[] =
    "local listener = assert(crun.net.listen('127.0.0.1', 0))\n"
    "local server = crun.spawn(function()\n"
    "  local conn <close> = assert(listener:accept(1))\n"
    "  for line in conn:lines() do assert(conn:write(line:upper(), '\\n')) end\n"
    "end)\n"
    "local host, port = listener:sockname()\n"
    "local conn <close> = assert(crun.net.connect(host, port, { timeout = 1 }))\n"
    "assert(conn:write('one\\n', ('two'):rep(2000), '\\n', 1))\n"
    "assert(conn:read('l', 1) == 'ONE' and conn:read('l', 1) == ('TWO'):rep(2000))\n"
    "conn:shutdown()\n"
    "assert(conn:read('l', 1) == nil)\n"
    "assert(server:join(1) and server:exception() == nil)\n"
    "listener:close()\n"
    "local texts = crun.spawn(function() local t = chan:get() return t, chan:get(1), chan:get(1) "
    "end)\n"
    "crun.yield()\n"
    "assert(chan:put('for one who waits') and chan:put('stored') and chan:put('put aside', 1))\n"
    "local a, b, c = texts:get()\n"
    "assert(a == 'for one who waits' and b == 'stored' and c == 'put aside')\n";

static const char calls[] = "for i = 1, 5000 do crun.call_later(90, type, 1) end\n"
                            "for i = 1, 600 do crun.call_soon(type, 1) end\n"
                            "crun.sleep(.01)\n";

static const char futures[] =
    "local future, broken, gone = crun.Future(), crun.Future(), crun.Future()\n"
    "local seen = 0\n"
    "future:on_done(function(f) seen = seen + f:result() end)\n"
    "local getter = crun.spawn(function() return future:get() end)\n"
    "local other = crun.spawn(function() return pcall(broken.get, broken) end)\n"
    "local handle = crun.call_later(9, print, 'never', nil, {})\n"
    "crun.call_later(.01, function(...) future:set_result(...) end, 7, 8, nil)\n"
    "crun.call_at(crun.now() + .01, broken.set_error, broken, 'broken')\n"
    "crun.call_soon(gone.cancel, gone, 'reason')\n"
    "local timer = crun.Timer(.01, function() seen = seen + 1 end)\n"
    "timer:start()\n"
    "assert(timer:join(1) and select('#', getter:get()) == 3)\n"
    "local _, err = other:get()\n"
    "assert(err == 'broken' and gone:exception().reason == 'reason')\n"
    "assert(crun.gather(future, crun.Future and function() end) == 7)\n"
    "assert(handle:cancel())\n"
    "crun.call_later(99, print, 'dropped')\n"
    "lost = crun.Future()\n"
    "lost:set_error('lost')\n"
    "lost = nil\n"
    "collectgarbage()\n"
    "crun.call_later(.01, crun.stop)\n"
    "crun.run_forever()\n"
    "assert(crun.run(function() return seen end) == 8)\n";

/* A put that fails has taken no place, whatever failed in it. */

static const char greenlets[] =
    "local function back(...) return crun.getcurrent().parent:switch(...) end\n"
    "local loc = crun.Local(function(own) own.n = 0 end)\n"
    "local var, kept = crun.ContextVar('var'), crun.Local({}, { inherit = true })\n"
    "kept.x = 1\n"
    "local token = var:set(1)\n"
    "local task = crun.spawn(function()\n"
    "  loc.n = loc.n + var:get() + kept.x\n"
    "  local g = crun.Greenlet(function(...)\n"
    "    local _ <close> = setmetatable({}, { __close = function() loc.n = loc.n + 1 end })\n"
    "    local n = select('#', back(...))\n"
    "    crun.sleep(.01)\n"
    "    return n\n"
    "  end)\n"
    "  assert(g:switch(1, 2) == 1)\n"
    "  local failing = crun.Greenlet(function() error('expected') end)\n"
    "  assert(not pcall(failing.switch, failing))\n"
    "  for i = 1, 3 do crun.Greenlet(back):switch({ i }) end\n"
    "  collectgarbage()\n"
    "  assert(g:switch(table.unpack({}, 1, 300)) == 300 and loc.n == 3)\n"
    "  local left = crun.Greenlet(back)\n"
    "  left:switch()\n"
    "  return loc.n\n"
    "end)\n"
    "assert(task:get() == 3)\n"
    "var:reset(token)\n";

TEST(lua_is_opened_without_memory)
{
    exhaust(work, LUA_OPENING);
}

TEST(lua_works_without_memory)
{
    exhaust(work, LUA_WORKING);
}

TEST(lua_works_on_a_runtime_without_memory)
{
    exhaust(work, RUNTIME_WORKING);
}

TEST(the_network_without_memory)
{
    exhaust(network, LUA_WORKING);
}

TEST(the_network_on_a_runtime_without_memory)
{
    exhaust(network, RUNTIME_WORKING);
}

TEST(futures_and_calls_without_memory)
{
    exhaust(futures, LUA_WORKING);
}

TEST(calls_on_a_runtime_without_memory)
{
    exhaust(calls, RUNTIME_WORKING);
}

TEST(greenlets_and_locals_without_memory)
{
    exhaust(greenlets, LUA_WORKING);
}

TEST_MAIN
