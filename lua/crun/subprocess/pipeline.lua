-- SPDX-License-Identifier: MIT
--
-- Pipelines: programs of which each reads what the one before it writes. Each leads a process group
-- of its own, since a group cannot be joined once its leader has been reaped.

local core = require "crun.core"
local options = require "crun.subprocess.options"
local popen = require "crun.subprocess.popen"
local result = require "crun.subprocess.result"

local M = {}

local SIGPIPE = core.signals.SIGPIPE

-- --- starting ------------------------------------------------------------------------------------

---The options of a stage, with those of the whole pipeline. What is between two stages comes later.
local function stage_options(resolved, i)
  local copy = {}
  for key, value in pairs(resolved[i]) do copy[key] = value end
  for _, key in ipairs { "cwd", "env", "stderr" } do
    if copy[key] == nil then copy[key] = resolved[key] end
  end
  copy.max_output = resolved.max_output
  copy.stdin, copy.stdout = "null", "null"
  if i == 1 then copy.stdin = resolved.stdin end
  if i == #resolved then copy.stdout = resolved.stdout end
  return copy
end

---Checks everything before anything is started.
local function prepare(opts)
  local resolved = options.resolve(opts, options.pipeline, "pipeline")
  local count, specs = options.count(resolved), {}
  if count == 0 then
    options.refuse("pipeline", "a list of commands expected, got an empty one")
  end
  for i = 1, count do
    local stage = resolved[i]
    if type(stage) ~= "table" then
      options.refuse("pipeline", "command %d: table expected, got %s", i, type(stage))
    end
    options.check(stage, options.stage, "pipeline")
    specs[i] = options.process(stage_options(resolved, i), "pipeline")
  end
  return resolved, specs
end

---The processes of a pipeline; unless `ended` is set they are killed when it is closed.
local Stages = {}
Stages.__index = Stages

function Stages:abort()
  local list = {}
  for i, process in ipairs(self) do list[i] = popen.abort(process) end
  self.ended = true
  return list
end

function Stages:__close()
  if not self.ended then self:abort() end
  for _, process in ipairs(self) do process:close() end
end

---Starts a stage that reads from the descriptor, if there is one. Returns the descriptor for the
---next one to read from, true for the last; or nil, message, code.
local function start_stage(stages, spec, reading, last)
  local pipes <close> = setmetatable({ reading = reading }, { __close = function(fds)
    for _, fd in pairs(fds) do core.close_fd(fd) end
  end })
  spec.fds[0] = reading or spec.fds[0]
  local following, code
  if not last then
    following, pipes.writing, code = core.pipe()
    if not following then
      local message = pipes.writing
      pipes.writing = nil
      return nil, message, code
    end
    spec.fds[1] = pipes.writing
  end
  local process, message
  process, message, code = popen.start(spec)
  if not process then
    pipes.following = following
    return nil, message, code
  end
  stages[#stages + 1] = process
  return following or true
end

local function start_all(stages, specs)
  local reading, message, code
  for i, spec in ipairs(specs) do
    reading, message, code = start_stage(stages, spec, reading, i == #specs)
    if not reading then return nil, message, code end
  end
  return true
end

-- --- their end -----------------------------------------------------------------------------------

---The last stage that failed tells how all of it ended. That a stage was killed by SIGPIPE, as the
---one behind it had read enough, is no failure.
local function summary(list)
  local all = { stages = list, args = {}, code = 0, stdout = list[#list].stdout }
  for i, stage in ipairs(list) do
    all.args[i] = stage.args
    if stage.stderr then all.stderr = (all.stderr or "") .. stage.stderr end
    if stage.code ~= 0 and (i == #list or stage.signal ~= SIGPIPE) then
      all.code, all.signal = stage.code, stage.signal
    end
  end
  return result.new(all)
end

local function communicate(stages, timeout)
  local deadline = timeout and core.now() + timeout
  local list = {}
  for i, process in ipairs(stages) do
    local done, message, code =
      process:communicate(nil, deadline and deadline - core.now())
    if not done then return nil, message, code end
    list[i] = done
  end
  stages.ended = true
  return list
end

---Runs programs each of which reads what the one before it writes, and waits for the end of all.
---May wait. Raises a ProcessError (with `check`); a cancel.
---@param opts crun.subprocess.PipelineOptions a list of commands, and options for all of it
---@return crun.subprocess.Result? result of the last stage that failed, or of the last
---@return string? message
---@return string? code as those of run
---@return crun.subprocess.Result? killed
function M.run(opts)
  local resolved, specs = prepare(opts)
  local stages <close> = setmetatable({}, Stages)
  local ok, message, code = start_all(stages, specs)
  if not ok then return nil, message, code end
  for i, process in ipairs(stages) do popen.begin(process, i == 1 and resolved.input or nil) end
  local list
  list, message, code = communicate(stages, resolved.timeout)
  if not list then return nil, message, code, summary(stages:abort()) end
  local done = summary(list)
  return resolved.check and done:check() or done
end

return M
