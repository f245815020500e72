-- SPDX-License-Identifier: MIT

--- What a test must have given back when it ends.
local core = require "crun.core"
local crun = require "crun"
local lfs = require "lfs"
local testing = require "crun.testing"

local M = {}

local TURNS_TO_SETTLE = 8

--- Seconds that the tasks of a failed test get for their clean-ups.
local PATIENCE = 0.2

local FD_FOLDER = "/proc/self/fd"
local LISTING = "/proc/%d+/fd$"

local function descriptors()
  local found = {}
  for fd in lfs.dir(FD_FOLDER) do
    local target = lfs.symlinkattributes(FD_FOLDER .. "/" .. fd, "target")
    if tonumber(fd) and target then
      found[fd] = target
    end
  end
  return found
end

local has_descriptors = lfs.attributes(FD_FOLDER, "mode") == "directory"

--- The state to compare with later.
function M.snapshot()
  return {
    counts = testing.snapshot(),
    descriptors = has_descriptors and descriptors() or nil,
  }
end

local function leaked_descriptors(before, list)
  for fd, target in pairs(descriptors()) do
    if before[fd] ~= target and not target:find(LISTING) then
      list[#list + 1] = ("descriptor %s (%s)"):format(fd, target)
    end
  end
end

--- Lists what is alive now and was not in the snapshot. Closing handles may take some turns.
function M.list(before)
  local list = testing.leaks(before.counts, TURNS_TO_SETTLE)
  if before.descriptors then
    leaked_descriptors(before.descriptors, list)
  end
  return list
end

--- Ends every task that a failed test left behind, so that the next test starts clean.
function M.clean_up()
  testing.end_tasks(nil, PATIENCE)
end

--- The hub's defaults: first in first out, the machine's clock, the default stack budget.
local default_budget = core.stack_budget()
function M.restore_defaults()
  core.schedule(nil)
  core.clock("real")
  core.stack_budget(default_budget)
  crun.on_error = nil
end

return M
