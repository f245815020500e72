-- SPDX-License-Identifier: MIT
--
-- Finding the `crun` program, which worker processes run.
--
-- The program starts itself again. The module in a stock interpreter looks where an installation or
-- a build puts the program that belongs to it, then in PATH, where a program of that name may be
-- another one; so a program found by its name is asked for its version before it is used.

local core = require "crun.core"

local workers = core.workers
local M = {}

local NAME = "crun"

---How many folders above that of the module may hold bin/crun: .../lib/lua/5.4/crun/core.so and
---.../lib/x86_64-linux-gnu/lua/5.4/crun/core.so are installed ones.
local LEVELS = 5

local found -- by the value of PATH: the path of a program that has been asked

---All that it prints, nil when it could not be run.
local function output_of(path)
  local reader, writer = core.pipe()
  if not reader then return nil end
  local child = core.child {
    file = path, args = { NAME, "--version" },
    fds = { [0] = "null", [1] = writer, [2] = "null" },
  }
  core.close_fd(writer)
  if not child then
    core.close_fd(reader)
    return nil
  end
  local stream <close> = core.stream_open(reader)
  local text = stream:read("a")
  child:wait()
  return text
end

---Why a file cannot be used, nil if it can.
local function refusal(path)
  if not workers.is_executable(path) then return "no program" end
  local text = output_of(path) or ""
  local version = text:match("^crun ([%w.-]+)\nLua ")
  if not version then return "another program" end
  if NAME .. " " .. version ~= core._VERSION then return NAME .. " " .. version end
  return nil
end

---The places beside the module, nearest first.
local function beside(module)
  local folder = module and module:match("^(.*)/[^/]+/[^/]+$")
  local places = {}
  if not folder then return places end
  places[1] = folder:gsub("/[^/]*$", "/") .. NAME
  for _ = 1, LEVELS do
    folder = folder:match("^(.*)/[^/]*$")
    if not folder then break end
    places[#places + 1] = folder .. "/bin/" .. NAME
  end
  return places
end

local function in_path(path)
  local places = {}
  for folder in path:gmatch("[^:]+") do places[#places + 1] = folder .. "/" .. NAME end
  return places
end

---The first usable of the places. Notes in `tried` what is wrong with programs in the others.
local function pick(places, tried)
  for _, place in ipairs(places) do
    local why = refusal(place)
    if not why then return place end
    if why ~= "no program" then tried[#tried + 1] = ("%s is %s"):format(place, why) end
  end
end

local function not_found(module, tried)
  local places = beside(module)
  tried[#tried + 1] = places[1] and ("there is no %s, and none in bin/ of a folder above it")
    :format(places[1])
  tried[#tried + 1] = "there is none in PATH"
  return nil, ("ENOENT: no program %s to run processes with, which CRUN_PROGRAM can name: %s")
    :format(core._VERSION, table.concat(tried, "; ")), "ENOENT"
end

local function search(path)
  local module, tried = workers.module_file(), {}
  local place = pick(beside(module), tried) or pick(in_path(path), tried)
  if place then
    found = { path = path, place = place }
    return place
  end
  return not_found(module, tried)
end

---What to execute for a worker process: the program that CRUN_PROGRAM in the environment names; the
---running program, if that is crun; else one that is found.
---May wait, the first time, under a stock interpreter.
---@return string? path, string? message, string? code "ENOENT"
function M.find()
  local named = os.getenv "CRUN_PROGRAM"
  if named and named ~= "" then
    if workers.is_executable(named) then return named end
    return nil, ("ENOENT: CRUN_PROGRAM names %s, which is no program"):format(named), "ENOENT"
  end
  local own = workers.own_program()
  if own then return own end
  local path = os.getenv "PATH" or ""
  local known = found and found.path == path and found.place
  if known and workers.is_executable(known) then return known end
  return search(path)
end

return M
