-- SPDX-License-Identifier: MIT

--- Every example runs, prints what the .expected file beside it says, leaves stderr empty, and
--- takes the time that its sleeps ask for: those of concurrent tasks overlap.
local checkout = require "spec.support.files"
local crun = require "crun"
local process = require "spec.support.process"

local read = checkout.read
local SCALE = 0.1
-- What a run may take beyond its sleeps, in a flavour in which a child may take that long. That
-- naps overlap is told by the virtual clock, on which a run takes what it computes.
local SLACK = tonumber(os.getenv("CRUN_CHILD_TIMEOUT") or 20) / 2
local VIRTUAL = [[ -e 'require("crun.testing").virtual_clock()']]

-- `sleeps`: the least time in seconds, at the scale of the run; `virtual`: runs on the virtual
-- clock too, where the seconds it prints are exact; `mask`: what varies on the real one; `narrow`:
-- its naps are so close together that on a busy machine the order of its lines varies there, too;
-- `mixed`: several processes or threads print, and nothing orders the lines of one and another;
-- `lacks`: on a busy machine so many lines may be missing, as the program ends after some time.
local EXAMPLES = {
  ["01-tour"] = { sleeps = 0.21, mask = "%s+%d+%.%d+ s" },
  ["02-wait-anywhere"] = { sleeps = 0.05 },
  ["03-producer-consumer"] = { sleeps = 0.08, virtual = true },
  ["04-select-ticker"] = { sleeps = 0.46, virtual = true },
  ["05-group-failure"] = { sleeps = 0.05, virtual = true },
  ["06-nested-timeouts"] = { sleeps = 0.28, virtual = true },
  ["07-lost-updates"] = { sleeps = 0 },
  ["08-lock-mends"] = { sleeps = 0 },
  ["09-master-worker"] = { sleeps = 0.02 },
  ["10-port-scanner"] = { sleeps = 1.2, mask = "%s%d+%.%d+ s$" },
  ["11-processes-threads-tasks"] = { sleeps = 0.1 },
  ["12-prefork-load"] = { sleeps = 0 },
  ["from-python/s000_01_generators"] = { sleeps = 0 },
  ["from-python/s000_02_greenlet"] = { sleeps = 0.9 * SCALE, virtual = true },
  ["from-python/s000_03_gevent_sleep"] = { sleeps = 0.5 * SCALE, virtual = true },
  ["from-python/s000_06_pool"] = { sleeps = 0.5 * SCALE, mixed = true, mask = "[Ds]: ?%d+" },
  ["from-python/s000_07_pool_queue"] = { sleeps = 5 * SCALE },
  ["from-python/s001_01_process_api"] = { sleeps = 3 * SCALE },
  ["from-python/s001_02_process_queue"] = { sleeps = 0 },
  ["from-python/s001_03_pipe"] = { sleeps = 0 },
  ["from-python/s001_04_manager"] = { sleeps = 0 },
  ["from-python/s001_05_pool_methods"] = { sleeps = 14.5 * SCALE },
  ["from-python/s001_06_yield_send"] = { sleeps = 0 },
  ["from-python/s001_07_greenlet"] = { sleeps = 0 },
  ["from-python/s001_08_gevent_joinall"] = { sleeps = 3 * SCALE, virtual = true },
  ["from-python/s002_01_thread_class"] = { sleeps = 3 * SCALE, virtual = true },
  ["from-python/s002_02_thread_target"] = { sleeps = 5 * SCALE, virtual = true },
  ["from-python/s002_03_executor"] = { sleeps = 4 * SCALE, mixed = true },
  ["from-python/s002_04_processes"] = { sleeps = 9 * SCALE, mixed = true },
  ["from-python/s002_05_pool"] = { sleeps = 9 * SCALE, mixed = true },
  ["from-python/s002_06_process_queue"] = { sleeps = 5.5 * SCALE, lacks = 5 },
  ["from-python/s002_07_race"] = { sleeps = 0.01, virtual = true },
  ["from-python/s002_08_lock"] = { sleeps = 0 },
  ["from-python/s002_09_rlock"] = { sleeps = 0.05, virtual = true },
  ["from-python/s002_10_local"] = { sleeps = 0 },
  ["from-python/s002_11_semaphore"] = { sleeps = 6 * SCALE, virtual = true },
  ["from-python/s002_12_barrier"] = { sleeps = 9 * SCALE, virtual = true, mask = "%d+$" },
  ["from-python/s002_13_timer"] = { sleeps = 5 * SCALE, virtual = true },
  ["from-python/s002_14_event"] = { sleeps = 5.5 * SCALE, virtual = true },
  ["from-python/s002_15_condition"] = { sleeps = 8 * SCALE, virtual = true },
  ["from-python/s002_16_master_worker"] = { sleeps = 0 },
  ["from-python/s002_17_run_and_wait"] = { sleeps = 3 * SCALE, virtual = true },
  ["from-python/s002_18_gather_groups"] = { sleeps = 6 * SCALE, virtual = true },
  ["from-python/s002_19_task_callback"] = { sleeps = 2 * SCALE, virtual = true },
  ["from-python/s002_20_wait_gather"] = { sleeps = 14.5 * SCALE, virtual = true },
  ["from-python/s002_21_thread_loop_sync"] = { sleeps = 9 * SCALE, mask = "%d+$" },
  ["from-python/s002_22_thread_loop_async"] = { sleeps = 6 * SCALE, mask = "%d+$" },
  ["from-python/s002_23_async_with_for"] = { sleeps = 10 * SCALE, virtual = true },
  ["from-python/s002_24_loop_stop"] = { sleeps = 1 * SCALE, virtual = true },
  ["from-python/s002_25_call_soon"] = { sleeps = 3 * SCALE, virtual = true },
  ["from-python/s002_26_call_later"] = { sleeps = 2 * SCALE, virtual = true },
  ["from-python/s002_27_call_at"] = { sleeps = 2 * SCALE, virtual = true },
  ["from-python/s002_28_lock"] = { sleeps = 0 },
  ["from-python/s002_29_event"] = { sleeps = 0.1, virtual = true },
  ["from-python/s002_30_condition"] = { sleeps = 0.3, virtual = true },
  ["from-python/s002_31_queue"] = { sleeps = 0.09, virtual = true, narrow = true },
  ["from-python/s003_01_gevent_patch"] = { sleeps = 4 * SCALE, virtual = true, mask = "%d+$" },
  ["from-python/s003_02_portscan_tasks"] = { sleeps = 0 },
  ["from-python/s003_03_process_isolation"] = { sleeps = 0 },
  ["from-python/s003_04_two_processes"] = { sleeps = 10 * SCALE, mixed = true },
  ["from-python/s003_05_pool"] = { sleeps = 1 * SCALE, mixed = true },
  ["from-python/s003_06_process_queue"] = { sleeps = 1.5 * SCALE, mixed = true, mask = "%d+$" },
  ["from-python/s003_07_portscan_processes"] = { sleeps = 0 },
  ["from-python/s004_01_switch_cost"] = { sleeps = 0 },
  ["from-python/s004_02_three_sleepers"] = { sleeps = 5 * SCALE, virtual = true, mask = "%d+$" },
  ["from-python/s004_03_tcp_server"] = { sleeps = 0 },
}

-- What is compared of a run on the real clock.
local function comparable(text, want)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do
    lines[#lines + 1] = want.mask and line:gsub(want.mask, " <time>") or line
  end
  if want.narrow or want.mixed then table.sort(lines) end
  return table.concat(lines, "\n")
end

local function run(name, scale, interpreter)
  local began = crun.now()
  local result = process.run_file("examples/" .. name .. ".lua", nil, {
    env = "CRUN_EXAMPLE_SCALE=" .. scale,
    interpreter = interpreter,
  })
  return result, crun.now() - began
end

-- What was expected without the lines that came too late.
local function without_missing(expected, out, most)
  local printed = {}
  for line in out:gmatch("[^\n]+") do printed[line] = true end
  return (expected:gsub("[^\n]+\n", function(line)
    if printed[line:sub(1, -2)] or most == 0 then return line end
    most = most - 1
    return ""
  end))
end

local function check_run(name, want)
  local result, elapsed = run(name, SCALE)
  assert.equal("", result.err)
  local expected = read("examples/" .. name .. ".expected")
  if want.lacks then expected = without_missing(expected, result.out, want.lacks) end
  assert.equal(comparable(expected, want), comparable(result.out, want))
  assert.equal(0, result.status)
  assert.is_true(elapsed >= want.sleeps, ("%.3f s is less than it sleeps"):format(elapsed))
  local most = want.sleeps * 1.25 + SLACK
  assert.is_true(elapsed <= most, ("%.3f s, at most %.3f s wanted"):format(elapsed, most))
end

local function check_virtual(name)
  local result, elapsed = run(name, 1000, process.interpreter .. VIRTUAL)
  assert.equal("", result.err)
  assert.equal(read("examples/" .. name .. ".expected"), result.out)
  assert.is_true(elapsed <= SLACK, ("%.3f s on the virtual clock"):format(elapsed))
end

local function files(folder, suffix)
  local list = {}
  for _, file in ipairs(checkout.list("examples/" .. folder)) do
    local name = file:match("^(.*)%." .. suffix .. "$")
    if name then list[#list + 1] = folder .. name end
  end
  return list
end

describe("the examples", function()
  for name, want in pairs(EXAMPLES) do
    it("print what is expected, in the time they sleep: " .. name, function()
      check_run(name, want)
    end)
    if want.virtual then
      it("take the same seconds on the virtual clock: " .. name, function()
        check_virtual(name)
      end)
    end
  end

  it("are all tested here", function()
    for _, folder in ipairs { "", "from-python/" } do
      for _, name in ipairs(files(folder, "lua")) do
        assert.is_table(EXAMPLES[name], name .. " is not in the table of this spec")
      end
    end
  end)
end)

describe("the C hosts", function()
  local build = os.getenv("CRUN_BUILD") or "build"
  local wrapper = process.crun_bin:match("^(.-)%S+$")

  for _, name in ipairs(files("embed/", "c")) do
    it("print what is expected: " .. name, function()
      local result = process.command(("%s%s/examples/%s"):format(wrapper, build, name))
      assert.equal("", result.err)
      assert.equal(read("examples/" .. name .. ".expected"), result.out)
      assert.equal(0, result.status)
    end)
  end

  it("start with one of 40 lines", function()
    local _, lines = read("examples/embed/minimal.c"):gsub("\n", "")
    assert.is_true(lines <= 40)
  end)
end)
