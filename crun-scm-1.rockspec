rockspec_format = "3.0"
package = "crun"
version = "scm-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Tasks, timers, queues and sockets for Lua 5.4, on libuv",
  detailed = [[
    A concurrency runtime: scripts are written as if every call blocked, and thousands of such calls wait at once on one
    thread. A task may wait anywhere, also inside a sort comparator, a metamethod or a C library's callback.]],
  license = "MIT",
}
dependencies = {
  "lua >= 5.4, < 5.5",
}
external_dependencies = {
  LIBUV = {header = "uv.h", library = "uv"},
}
-- A variable reaches a step of make only if it is listed for that step. The program is not part of the rock: it holds a
-- static Lua of its own, which a rock cannot count on.
local variables = {
  CC = "$(CC)",
  CFLAGS = "$(CFLAGS)",
  LIBFLAG = "$(LIBFLAG)",
  LUA_INCDIR = "$(LUA_INCDIR)",
  LIBUV_INCDIR = "$(LIBUV_INCDIR)",
  LIBUV_LIBDIR = "$(LIBUV_LIBDIR)",
  PREFIX = "$(PREFIX)",
  LIBDIR = "$(LIBDIR)",
  LUADIR = "$(LUADIR)",
}
build = {
  type = "make",
  build_target = "module",
  install_target = "install-module",
  build_variables = variables,
  install_variables = variables,
}
test = {
  type = "busted",
}
