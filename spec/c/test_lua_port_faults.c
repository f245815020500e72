/* SPDX-License-Identifier: MIT */
/* Ports, Pipes and what travels over them while memory and descriptors run out. */
#include "lua_faults.h"

static const char pipes[] = "local a, b = assert(crun.Pipe())\n"
                            "local long = ('x'):rep(200000)\n"
                            "local sender = crun.spawn(function()\n"
                            "  assert(a:send(1, 'two', { 3, long }))\n"
                            "  for i = 1, 2 do assert(a:send(i, long)) end\n"
                            "  a:flush()\n"
                            "end)\n"
                            "local n, two, t = b:recv(1)\n"
                            "assert(n == 1 and two == 'two' and t[2] == long)\n"
                            "for i = 1, 2 do assert(b:recv(1) == i) end\n"
                            "sender:get()\n";

static const char descriptors[] = "local core = require 'crun.core'\n"
                                  "local a, b = assert(crun.Pipe())\n"
                                  "local c, d = assert(crun.Pipe())\n"
                                  "local function open(fd)\n"
                                  "  local ok, s = pcall(core.stream_open, fd)\n"
                                  "  if not ok then core.close_fd(fd) end\n"
                                  "  return ok and s\n"
                                  "end\n"
                                  "local r, w = assert(core.socketpair())\n"
                                  "local s, other = open(r), open(w)\n"
                                  "assert(s and other, 'no memory')\n"
                                  "local l = assert(crun.net.listen('127.0.0.1', 0))\n"
                                  "assert(a:send(s, l, c, ('y'):rep(100000)))\n"
                                  "local s2, l2, c2 = b:recv()\n"
                                  "assert(s2 and l2 and c2, l2)\n"
                                  "assert(c2:send('through'))\n"
                                  "assert(d:recv() == 'through')\n"
                                  "s:close() s2:close() l:close() l2:close() c2:close()\n";

static const char ports[] =
    "local core = require 'crun.core'\n"
    "local a, b = assert(core.port_pair())\n"
    "local object = assert(crun.net.listen('127.0.0.1', 0))\n"
    "for _, p in ipairs { a, b } do\n"
    "  p:hooks(function() return 'queue' end, function(text) return crun.Queue() end, 'far')\n"
    "  p:known()\n"
    "end\n"
    "assert(a:send(1, 2, 3, crun.Queue(), object, { 'x' }))\n"
    "local kind, id, aux, q = b:recv(1)\n"
    "assert(kind == 1 and id == 2 and aux == 3 and q:put(1))\n"
    "assert(a:post_encoded(4, 5, 6, core.encode('text', { 1.5 })))\n"
    "local moved = b:detach()\n"
    "local ok, last = pcall(core.port_attach, moved)\n"
    "if not ok or not last then core.port_drop(moved) error('no memory', 0) end\n"
    "assert(last:recv(1) == 4)\n"
    "a:close()\n"
    "assert(not last:recv(1))\n";

TEST(pipes_without_memory)
{
    exhaust(pipes, LUA_WORKING);
}

TEST(pipes_on_a_runtime_without_memory)
{
    exhaust(pipes, RUNTIME_WORKING);
}

TEST(descriptors_that_travel_without_memory)
{
    exhaust(descriptors, LUA_WORKING);
}

TEST(descriptors_that_travel_on_a_runtime_without_memory)
{
    exhaust(descriptors, RUNTIME_WORKING);
}

TEST(ports_without_memory)
{
    exhaust(ports, LUA_WORKING);
}

TEST(ports_on_a_runtime_without_memory)
{
    exhaust(ports, RUNTIME_WORKING);
}

TEST_MAIN
