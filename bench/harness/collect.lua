-- SPDX-License-Identifier: MIT
-- Runs the programs of a bench, taking turns, and keeps what each printed.

local machine = require "harness.machine"
local peers = require "harness.peers"
local process = require "harness.process"
local shell = require "harness.shell"

local M = {}

--- What a bench measured.
---@class bench.Result
---@field bench bench.Bench
---@field order string[] the subjects, crun first
---@field values table<string, table<string, number[]>> subject -> metric -> one per repetition
---@field shares table<string, number[]> subject -> share of its processor, per repetition
---@field failures table<string, string> subject -> why it has no values

-- A run that got less of its processor than this was disturbed and is made again, so many times.
local RUN = { share = 0.93, again = 2, pause = 0 }
local LOAD = { share = 0.92, again = 5, pause = 3 }
local LOAD_SECONDS = 2

local function say(...)
  io.stderr:write("bench: ", string.format(...), "\n")
end

-- The least disturbed of several attempts.
local function undisturbed(what, rule, attempt)
  local best
  for i = 0, rule.again do
    if i > 0 then shell.sleep(rule.pause) end
    local run = attempt()
    if run.failure then return run end
    if not best or run.share > best.share then best = run end
    if best.share >= rule.share then break end
    say("%s got %.0f %% of its processor%s", what, run.share * 100,
      i < rule.again and ", again" or "; the best attempt counts")
  end
  return best
end

local function run_server(context, bench, subject)
  local metrics, share = {}, 1
  local server <close> = process.start_server(subject.program, context.directory)
  if not context.quick then machine.wait_for_quiet(20) end
  for _, connections in ipairs(bench.connections) do
    local what = ("%s %s, %d connections"):format(bench.name, subject.name, connections)
    local run = undisturbed(what, LOAD, function()
      return process.load(server, context.generator, context.directory, connections, LOAD_SECONDS)
    end)
    if run.failure then return run end
    for _, key in ipairs { "rps", "us_cpu", "p50_us", "p99_us" } do
      metrics[key .. "_" .. connections] = run.metrics[key]
    end
    share = math.min(share, run.share)
  end
  return { metrics = metrics, share = share }
end

local function run_program(context, bench, subject)
  local argument = bench.argument
  if context.quick and bench.scalable and subject.ours then argument = "0.2" end
  local function attempt()
    return process.run(subject.program, context.directory, bench.busy, argument)
  end
  if bench.steady then return attempt() end
  return undisturbed(bench.name .. " " .. subject.name, RUN, attempt)
end

local function record(result, name, run)
  local values = result.values[name] or {}
  result.values[name] = values
  for key, value in pairs(run.metrics) do
    values[key] = values[key] or {}
    table.insert(values[key], value)
  end
  result.shares[name] = result.shares[name] or {}
  table.insert(result.shares[name], run.share)
end

local function subjects_of(context, bench)
  local list = {}
  for _, entry in ipairs(context.ours) do
    list[#list + 1] = {
      name = entry.name, ours = true,
      program = {
        words = { entry.path, context.folder .. "/" .. bench.program },
        environment = context.environment, pinned = not bench.cores, strict = true,
      },
    }
  end
  if bench.connections and (not context.wanted or context.wanted["c-libuv"]) then
    list[#list + 1] = { name = "c-libuv", program = { words = { context.echo }, pinned = true } }
  end
  for _, folder in ipairs { context.folder .. "/peers", context.peers } do
    local found = peers.programs(bench, folder, context.directory, context.wanted)
    table.move(found, 1, #found, #list + 1, list)
  end
  return list
end

--- What all benches share.
---@class bench.Context
---@field ours { name: string, path: string }[] the crun programs to measure; the first is "crun"
---@field folder string the folder of crun's bench programs
---@field peers string? the peers' folder
---@field wanted table<string, boolean>? only these peers
---@field directory string a temporary directory
---@field generator string? the load generator
---@field echo string? the echo server in C
---@field repetitions integer
---@field quick boolean
---@field environment table<string, string>? for crun's programs

--- Run a bench.
---@param context bench.Context
---@param bench bench.Bench
---@return bench.Result
function M.run(context, bench)
  local result = { bench = bench, order = {}, values = {}, shares = {}, failures = {} }
  local subjects = subjects_of(context, bench)
  for i, subject in ipairs(subjects) do result.order[i] = subject.name end
  for repetition = 1, math.min(context.repetitions, bench.repetitions or math.huge) do
    for _, subject in ipairs(subjects) do
      if not result.failures[subject.name] then
        local run = (bench.connections and run_server or run_program)(context, bench, subject)
        if run.failure then
          result.failures[subject.name] = run.failure
          say("%s %s FAILED: %s", bench.name, subject.name, run.failure)
        else
          record(result, subject.name, run)
          local metric = bench.metrics[1]
          say("%s %s, run %d: %.6g %s", bench.name, subject.name, repetition,
            run.metrics[metric.key] or 0 / 0, metric.unit)
        end
      end
    end
  end
  return result
end

--- Whether a share is below what a bench accepts.
---@param bench bench.Bench
---@param share number
---@return boolean
function M.disturbed(bench, share)
  return not bench.steady and share < (bench.connections and LOAD or RUN).share
end

return M
