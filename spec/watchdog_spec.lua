-- SPDX-License-Identifier: MIT

-- The watchdog: who holds the hub for too long is told of, once. What it prints goes to the stderr
-- of a child.
local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"

local PRELUDE = [[
local crun = require "crun"
-- Computes until the watchdog has spoken that often on our stderr, which is a file; then goes on
-- for a while without giving way.
local function spoken()
  local file = assert(io.open("/proc/self/fd/2"))
  local _, count = file:read("a"):gsub("has held the hub", "")
  file:close()
  return count
end
local function hold(times)
  repeat for i = 1, 1000 do local t = { i } end until spoken() >= times
  local began = os.clock()
  repeat for i = 1, 1000 do local t = { i } end until os.clock() - began > 0.1
end
]]

local function watch(text)
  local result = process.run(PRELUDE .. text)
  assert.same({ 0, "done\n" }, { result.status, result.out })
  local _, count = result.err:gsub("crun: watchdog: ", "")
  return result.err, count
end

describe("the watchdog", function()
  it("names the task, for how long, and where it is", function()
    local err, count = watch [[
      crun.watchdog(0.02)
      local task = crun.spawn(function() hold(1) end)
      task.name = "hog"
      task:join()
      print("done")
    ]]
    assert.matches("^crun: watchdog: task#2 'hog' has held the hub for %d+%.%d+ s\nstack", err)
    assert.matches("script.lua:%d+: in [^\n]*hold", err)
    assert.equal(1, count)
  end)

  it("tells of each time, and of none that gives way", function()
    local _, count = watch [[
      crun.watchdog(0.05)
      hold(1)
      crun.yield()
      hold(2)
      crun.watchdog(nil)
      local began = os.clock()
      repeat for i = 1, 1000 do local t = { i } end until os.clock() - began > 0.2
      crun.watchdog(0.5)
      began = os.clock()
      repeat crun.yield() until os.clock() - began > 0.7
      crun.sleep(0.7)
      print("done")
    ]]
    assert.equal(2, count)
  end)

  it("reaches a coroutine inside of a task", function()
    if not process.under_crun then return end
    local err = watch [[
      crun.watchdog(0.02)
      local function inner() hold(1) end
      coroutine.wrap(inner)()
      print("done")
    ]]
    assert.matches("in [^\n]*hold'\n[^\0]*\ninside of stack traceback:", err)
  end)

  it("tells of a C function that blocks when that is over", function()
    -- Sanitizers hold signals back during system().
    if not process.has_own_stacks then return end
    local err, count = watch [[
      crun.watchdog(0.02)
      os.execute("sleep 0.3")
      print("done")
    ]]
    assert.equal(1, count)
    assert.matches("main has held the hub for 0%.%d+ s\nstack traceback:\n\t%[C%]: in ", err)
  end)

  it("returns what was set, and refuses what is no such time", function()
    local before = crun.watchdog(0.5)
    assert.equal(0.5, crun.watchdog(before))
    for _, bad in ipairs { 0, -1, 0 / 0, 1e9, "1", false } do
      support.refuses({ "seconds from 0.001" }, function() crun.watchdog(bad) end)
    end
  end)

  it("is off by default", function()
    local _, count = watch [[
      local began = os.clock()
      repeat for i = 1, 1000 do local t = { i } end until os.clock() - began > 1.5
      print("done")
    ]]
    assert.equal(0, count)
  end)
end)

describe("the option --watchdog", function()
  if not process.under_crun then return end

  local function run(options, stdin)
    return process.command(process.crun_bin .. " " .. options, { stdin = stdin })
  end

  -- On one line; ends when the watchdog has spoken, at the latest after half a minute's work.
  local LOOP = "local function spoken() local f = assert(io.open('/proc/self/fd/2')) "
    .. "local text = f:read('a') f:close() return text:find('has held', 1, true) end "
    .. "local b = os.clock() repeat for i = 1, 1000 do local t = { i } end "
    .. "until spoken() or os.clock() - b > 30"

  it("turns it on, with or without milliseconds", function()
    for _, option in ipairs { "--watchdog=50", "--watchdog" } do
      assert.matches("watchdog: main has held the hub for %d+%.%d+ s",
        run(option .. " -e " .. process.quote(LOOP)).err)
    end
  end)

  it("is on at the prompt, with a second", function()
    local result = run("-i", LOOP .. "\nprint(require('crun').watchdog())\n")
    assert.matches("watchdog: main has held the hub for %d+%.%d+ s", result.err)
    assert.matches("\n1%.0\n", result.out)
  end)

  it("holds at the prompt as it was given", function()
    local result = run("--watchdog=5000 -i", "print(require('crun').watchdog())\n")
    assert.matches("\n> print[^\n]*\n5%.0\n", result.out)
  end)
end)
