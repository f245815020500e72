/* SPDX-License-Identifier: MIT */
/*
 * Lua on a hub while memory runs out, Lua's own or the runtime's beneath it. A script is repeated
 * with the first, the second ... allocation failing, once or from then on, until it passes.
 * Whatever failed: nothing crashes, the error comes out where Lua raises errors, afterwards the
 * state works, and it can be closed without anything left.
 */
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

static const char locks[] =
    "local lock, gate, cond = crun.Lock(), crun.Semaphore(1), crun.Condition()\n"
    "local barrier, group, turns = crun.Barrier(2), crun.WaitGroup(), 0\n"
    "local function turn()\n"
    "  lock:acquire()\n"
    "  crun.sleep(.001)\n"
    "  turns = turns + 1\n"
    "  lock:release()\n"
    "  assert(gate:acquire(1))\n"
    "  crun.yield()\n"
    "  gate:release()\n"
    "end\n"
    "crun.gather(turn, turn, turn)\n"
    "local waiting = crun.spawn(function() cond:acquire() cond:wait(1) cond:release() end)\n"
    "crun.yield()\n"
    "cond:acquire() cond:notify() cond:release()\n"
    "waiting:join()\n"
    "local other = crun.spawn(function() return barrier:wait(1) end)\n"
    "barrier:wait(1)\n"
    "other:join()\n"
    "assert(turns == 3)\n";

static const char pools[] =
    "local pool = crun.Pool(2)\n"
    "local function nap(n) crun.sleep(.001) return n end\n"
    "assert(#pool:map(nap, { 1, 2, 3, 4, 5 }) == 5)\n"
    "assert(#pool:map(nap, ipairs { 1, 2, 3 }) == 3)\n"
    "local sum, called = 0, 0\n"
    "for n in pool:imap(nap, { 1, 2, 3, 4, 5, 6 }) do sum = sum + n end\n"
    "for n in pool:imap_unordered(nap, { 1, 2, 3, 4, 5, 6 }) do\n"
    "  sum = sum + n\n"
    "  if sum > 30 then break end\n"
    "end\n"
    "assert(sum > 30 and pool:apply(pool.apply, { pool, nap, { 3 } }) == 3)\n"
    "local function call() called = called + 1 end\n"
    "for i = 1, 4 do pool:apply_async(i == 2 and error or nap, { i }, call, call) end\n"
    "assert(pool:spawn(nap, 7):get() == 7 and pool:join() and called == 4)\n"
    "for _ = 1, 4 do pool:apply_async(crun.sleep, { 9 }) end\n"
    "crun.yield()\n"
    "pool:cancel('enough')\n"
    "assert(pool:join() and pool:free_count() == 2)\n"
    "do\n"
    "  local scope <close> = crun.Pool(1)\n"
    "  scope:spawn(nap, 1)\n"
    "  scope:spawn(nap, 1)\n"
    "end\n";

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
static const char queues[] =
    "local function less(a, b) crun.yield() return a[1] < b[1] end\n"
    "local ranked, inside = crun.PriorityQueue(less, 6), 0\n"
    "for i = 1, 4 do if pcall(ranked.put, ranked, { -i }) then inside = inside + 1 end end\n"
    "local poor = coroutine.wrap(function() return ranked:put({}) end)\n"
    "if pcall(poor) and inside > 0 then os.exit(3) end\n"
    "local free = 6 - inside\n"
    "for i = 1, free do\n"
    "  local ok, put = pcall(ranked.put_nowait, ranked, { i })\n"
    "  if not ok then put = ranked:put_nowait({ i }) end\n"
    "  if not put then os.exit(3) end\n"
    "end\n"
    "if #ranked ~= 6 or not ranked:full() then os.exit(3) end\n"
    "local waiting = crun.spawn(ranked.put, ranked, { 0 })\n"
    "local chosen = crun.spawn(crun.select, { { ranked, 'put', { 9 } }, { crun.Queue(), 'get' } "
    "})\n"
    "crun.yield()\n"
    "local last = ranked:get()[1]\n"
    "for _ = 1, 7 do\n"
    "  local item = ranked:get()[1]\n"
    "  assert(item > last or item == 0)\n"
    "  last = item\n"
    "end\n"
    "assert(waiting:get() and select('#', chosen:get()) == 2)\n"
    "local stack, meeting = crun.LifoQueue(1), crun.Channel()\n"
    "stack:put({ 1 })\n"
    "local putter = crun.spawn(stack.put, stack, { 2 })\n"
    "local sender = crun.spawn(function() return meeting:send({ 3 }) end)\n"
    "crun.yield()\n"
    "assert(stack:get()[1] == 1 and stack:get()[1] == 2 and meeting:recv()[1] == 3)\n"
    "local receiver = crun.spawn(meeting.recv, meeting)\n"
    "crun.yield()\n"
    "assert(meeting:send({ 4 }) and receiver:get()[1] == 4)\n"
    "assert(putter:get() and sender:get())\n";

/* Of several values to be sent, what is not taken comes back, whatever failed on the way. */
static const char selects[] =
    "local full, more, gate = crun.Queue(1), crun.Channel(), crun.Event()\n"
    "full:put('old')\n"
    "local waiting = crun.spawn(crun.select, { { full, 'put', {} }, { more, 'send', 'x' },\n"
    "  { chan, 'put', 'to C' }, { full, 'put', { 'new' } }, { gate }, timeout = 1 })\n"
    "crun.yield()\n"
    "local case = chan:get(1) == 'to C' and 3\n"
    "assert(waiting:get() == case)\n"
    "local many = { timeout = 1 }\n"
    "for i = 1, 20 do many[i] = { crun.Queue(), 'get' } end\n"
    "crun.call_later(.001, many[20][1].put, many[20][1], {})\n"
    "assert(crun.select(many) == 20)\n"
    "assert(full:get() == 'old' and #full == 0 and more:recv_nowait() == nil)\n";

static const char calls[] = "for i = 1, 5000 do crun.call_later(90, type, 1) end\n"
                            "for i = 1, 600 do crun.call_soon(type, 1) end\n"
                            "crun.sleep(.01)\n";

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
    memory.fired = faults.fired = false;
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

TEST(locks_without_memory)
{
    exhaust(locks, LUA_WORKING);
}

TEST(queues_without_memory)
{
    exhaust(queues, LUA_WORKING);
}

TEST(queues_on_a_runtime_without_memory)
{
    exhaust(queues, RUNTIME_WORKING);
}

TEST(pools_without_memory)
{
    exhaust(pools, LUA_WORKING);
}

TEST(pools_on_a_runtime_without_memory)
{
    exhaust(pools, RUNTIME_WORKING);
}

TEST(selects_without_memory)
{
    exhaust(selects, LUA_WORKING);
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
