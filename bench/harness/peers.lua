-- SPDX-License-Identifier: MIT
-- Which peers this machine can run, and how each of their programs is started.

local shell = require "harness.shell"

local M = {}

local PYTHON = "/usr/bin/python3"

--- A peer.
---@class bench.Peer
---@field name string
---@field file string its program in a bench's folder
---@field needs string a shell command that succeeds where the peer can run
---@field words (fun(path: string, built: string): string[]) the command line
---@field build (fun(path: string, built: string): string[])? the command that makes it
---@field environment table<string, string>?
---@field servers boolean? false: not for server benches; true: for them alone
---@field unpinned boolean? it is given every processor
---@field cores boolean? false: not for benches of all processors; true: for them alone
---@field skip table<string, boolean>? benches that it is not run in

local function go_build(path, built)
  return { "env", "GO111MODULE=off", "go", "build", "-o", built, path }
end

local function c_build(path, built)
  return { "cc", "-O2", "-o", built, path, "-luv" }
end

local function binary(_, built)
  return { built }
end

local function with(...)
  local first = { ... }
  return function(path)
    local words = table.move(first, 1, #first, 1, {})
    words[#words + 1] = path
    return words
  end
end

local has_go = "command -v go"

local processes_only = { threadpool = true }

-- skip: too slow, or the peer ignores the number of tasks asked for
---@type bench.Peer[]
M.all = {
  { name = "go", file = "go.go", needs = has_go, words = binary, build = go_build, servers = false,
    cores = false, environment = { GOMAXPROCS = "1" } },
  { name = "go-mp", file = "go.go", needs = has_go, words = binary, build = go_build,
    servers = false, unpinned = true, cores = false,
    skip = { memory = true, ["memory-1m"] = true } },
  { name = "go", file = "go.go", needs = has_go, words = binary, build = go_build, servers = true },
  { name = "go", file = "go.go", needs = has_go, words = binary, build = go_build, cores = true,
    skip = { procpool = true } },
  { name = "luajit", file = "coroutine.lua", needs = "command -v luajit", words = with "luajit",
    environment = { LUA_PATH = "%s/lib/?.lua;;" } },
  { name = "node", file = "node.mjs", needs = "command -v node", words = with "node" },
  { name = "cqueues", file = "cqueues.lua", needs = "lua5.4 -e 'require \"cqueues\"'",
    words = with "lua5.4", environment = { LUA_PATH = "%s/lib/?.lua;;" } },
  { name = "luv", file = "luv.lua", needs = "lua5.4 -e 'require \"luv\"'", words = with "lua5.4",
    environment = { LUA_PATH = "%s/lib/?.lua;;" }, skip = { ["memory-1m"] = true } },
  { name = "luv-callback", file = "luv-callback.lua", needs = "lua5.4 -e 'require \"luv\"'",
    words = with "lua5.4" },
  { name = "tarantool", file = "tarantool.lua", needs = "command -v tarantool",
    words = with "tarantool", environment = { LUA_PATH = "%s/lib/?.lua;;" },
    skip = { ["memory-1m"] = true } },
  { name = "gevent", file = "gevent.py", needs = PYTHON .. " -P -c 'import gevent'",
    words = with(PYTHON, "-P"), skip = { ["memory-1m"] = true } },
  { name = "uvloop", file = "uvloop-protocol.py", needs = PYTHON .. " -P -c 'import uvloop'",
    words = with(PYTHON, "-P") },
  { name = "node-threads", file = "node-threads.mjs", needs = "command -v node",
    words = with "node", cores = true },
  { name = "lanes", file = "lanes.lua", needs = "lua5.4 -e 'require \"lanes\" require \"socket\"'",
    words = with "lua5.4", cores = true },
  { name = "multiprocessing", file = "py-mp-pool.py", needs = "test -x " .. PYTHON,
    words = with(PYTHON, "-P"), cores = true, skip = processes_only },
  { name = "multiprocessing", file = "py-mp.py", needs = "test -x " .. PYTHON,
    words = with(PYTHON, "-P"), cores = true },
  { name = "c-fork", file = "c-fork.c", needs = "command -v cc", words = binary, build = c_build,
    cores = true, skip = processes_only },
  { name = "c-pipe", file = "c-pipe.c", needs = "command -v cc", words = binary, build = c_build,
    cores = true, skip = processes_only },
  { name = "c-libuv", file = "c-libuv.c", needs = "pkg-config --exists libuv", words = binary,
    build = c_build, servers = false },
}

--- The names of the peers, each once, in the table's order.
---@return string[]
function M.names()
  local list, seen = {}, {}
  for _, peer in ipairs(M.all) do
    if not seen[peer.name] then
      seen[peer.name] = true
      list[#list + 1] = peer.name
    end
  end
  return list
end

--- Whether a peer is C, that is, a bound for every runtime and no rival.
---@param name string
---@return boolean
function M.is_bound(name)
  return name:find "^c%-" ~= nil
end

local function fits(peer, bench)
  if peer.skip and peer.skip[bench.name] then return false end
  if peer.cores ~= nil and peer.cores ~= (bench.cores or false) then return false end
  return peer.servers == nil or peer.servers == (bench.connections ~= nil)
end

local function make(peer, source, built)
  if not peer.build or shell.exists(built) then return true end
  local output, status = shell.capture(shell.line(peer.build(source, built)) .. " 2>&1")
  if status ~= 0 then io.stderr:write(("bench: cannot build %s:\n%s\n"):format(source, output)) end
  return status == 0
end

local runnable = {}

local function can_run(peer)
  if runnable[peer.name] == nil then runnable[peer.name] = shell.succeeds(peer.needs) end
  return runnable[peer.name]
end

--- The peers' programs for a bench that this machine can run, built.
---@param bench bench.Bench
---@param folder string the peers' folder
---@param directory string where to build
---@param wanted table<string, boolean>? only these
---@return { name: string, program: bench.Program }[]
function M.programs(bench, folder, directory, wanted)
  local list = {}
  for _, peer in ipairs(M.all) do
    local source = ("%s/%s/%s"):format(folder, bench.peers, peer.file)
    local built = ("%s/%s-%s"):format(directory, bench.peers, peer.name)
    if (not wanted or wanted[peer.name]) and fits(peer, bench) and shell.exists(source)
      and can_run(peer) and make(peer, source, built) then
      local environment = {}
      for name, value in pairs(peer.environment or {}) do
        environment[name] = value:format(folder)
      end
      local program = {
        words = peer.words(source, built), environment = environment, pinned = not peer.unpinned,
      }
      list[#list + 1] = { name = peer.name, program = program }
    end
  end
  return list
end

return M
