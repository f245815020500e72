/* SPDX-License-Identifier: MIT */
/* Threads while memory runs out: theirs, or that of who starts them. */
#include "lua_faults.h"

/* The end that the thread got is closed however it has ended. */
static const char threads[] =
    "local core = require 'crun.core'\n"
    "local a, b = assert(core.port_pair())\n"
    "local moved = assert(b:detach())\n"
    "local ok, thread, message = pcall(core.thread_start, moved, 'tried')\n"
    "if not ok or not thread then\n"
    "  core.port_drop(moved)\n"
    "  error(message or thread, 0)\n"
    "end\n"
    "a:close()\n"
    "assert(thread:join())\n";

TEST(threads_without_memory)
{
    exhaust(threads, LUA_WORKING);
}

TEST(threads_on_a_runtime_without_memory)
{
    exhaust(threads, RUNTIME_WORKING);
}

TEST_MAIN
