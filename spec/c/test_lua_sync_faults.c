/* SPDX-License-Identifier: MIT */
/* Locks, queues, pools and select while memory runs out. */
#include "lua_faults.h"

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

TEST_MAIN
