-- SPDX-License-Identifier: MIT

-- Signals that find the program outside of any wait, and what they leave alone.
local process = require "spec.support.process"

local PRELUDE = [[
local crun = require "crun"
-- The signal comes at some point from here on; after a while at the latest.
local function signal_soon(name)
  SIGNALLER = io.popen("read -r go; kill -" .. name .. " $PPID; read -r go", "w")
  SIGNALLER:write("\n"):flush()
end
local function guarded(word)
  return setmetatable({}, { __close = function() print("closed " .. word) end })
end
]]

local function run(text, options)
  return process.run(PRELUDE .. text, options)
end

local function ends_by(result, number)
  if process.under_crun then
    assert.equal(128 + number, result.status)
  else
    assert.is_true(result.status ~= 0)
  end
end

describe("a signal reaches", function()
  for name, number in pairs { INT = 2, TERM = 15 } do
    it(("a main chunk that computes (SIG%s), and tells where it was"):format(name), function()
      local result = run(([[
        local g <close> = guarded("main")
        signal_soon("%s")
        while true do end
      ]]):format(name))
      ends_by(result, number)
      assert.equal("closed main\n", result.out)
      assert.matches(name, result.err)
      if process.under_crun then
        assert.matches("interrupted! %(SIG" .. name .. "%)\nstack traceback:", result.err)
        assert.matches("script.lua:%d+: in main chunk", result.err)
      end
    end)
  end

  it("a script that never required crun", function()
    if not process.under_crun then return end
    local result = process.run [[
      local signaller = io.popen("read -r go; kill -INT $PPID; read -r go", "w")
      signaller:write("\n"):flush()
      while true do end
    ]]
    assert.equal(130, result.status)
    assert.matches("interrupted! %(SIGINT%)\nstack traceback:\n.-script.lua:%d:", result.err)
  end)

  it("a task that computes; clean-ups of all run", function()
    local result = run [[
      local g <close> = guarded("main")
      crun.spawn(function()
        local task <close> = guarded("sleeper")
        crun.sleep(60)
      end)
      crun.spawn(function()
        local task <close> = guarded("computer")
        signal_soon("INT")
        local n = 0
        while true do n = n + 1 end
      end)
      crun.sleep(60)
    ]]
    ends_by(result, 2)
    for _, word in ipairs { "main", "sleeper", "computer" } do
      assert.matches("closed " .. word, result.out)
    end
  end)

  it("code that does nothing but call C functions", function()
    ends_by(run [[
      signal_soon("INT")
      table.sort(setmetatable({}, { __index = function() return 1 end,
        __len = function() return 1 << 30 end }), rawequal)
    ]], 2)
  end)

  it("a coroutine that waits or yields at times", function()
    local result = run [[
      crun.spawn(function()
        local g <close> = guarded("outer")
        coroutine.wrap(function()
          local h <close> = guarded("inner")
          signal_soon("INT")
          while true do crun.yield() end
        end)()
      end)
      crun.sleep(60)
    ]]
    ends_by(result, 2)
    assert.equal("closed inner\nclosed outer\n", result.out)
  end)

  it("a coroutine that computes, inside of others", function()
    if not process.under_crun then return end
    local result = run [[
      crun.spawn(function()
        local g <close> = guarded("outer")
        coroutine.wrap(function()
          assert(coroutine.resume(coroutine.create(function()
            signal_soon("INT")
            local n = 0
            while true do n = n + 1 end
          end)))
        end)()
      end)
      crun.sleep(60)
    ]]
    ends_by(result, 2)
    assert.equal("closed outer\n", result.out)
  end)

  it("a generator that computes, in the main chunk", function()
    if not process.under_crun then return end
    local result = run [[
      local g <close> = guarded("main")
      for _ in coroutine.wrap(function() signal_soon("INT") while true do end end) do end
    ]]
    ends_by(result, 2)
    assert.equal("closed main\n", result.out)
    assert.matches("interrupted! %(SIGINT%)", result.err)
  end)

  it("a call that blocks in the kernel", function()
    local result = run [[
      local g <close> = guarded("main")
      local fifo = os.tmpname()
      os.execute("rm " .. fifo .. " && mkfifo " .. fifo)
      signal_soon("INT")
      io.open(fifo)
      print("never")
    ]]
    ends_by(result, 2)
    assert.equal("closed main\n", result.out)
  end)
end)

describe("a signal that was caught", function()
  it("is raised once in code that computes, and again at each wait", function()
    local result = run [[
      print(pcall(function() signal_soon("INT") while true do end end))
      for _ = 1, 1000 do end
      print(pcall(crun.sleep, 60))
      print("done")
    ]]
    assert.equal("false\tcancelled: SIGINT\nfalse\tcancelled: SIGINT\ndone\n", result.out)
    assert.equal("", result.err)
    if process.under_crun then assert.equal(130, result.status) end
  end)

  it("does not break into what a shield protects", function()
    local result = run [[
      crun.shield(function()
        signal_soon("INT")
        SIGNALLER:write("\n"):close()
        for _ = 1, 1000 do end
        crun.sleep(0.001)
        print("in peace")
      end)
      crun.sleep(60)
    ]]
    assert.equal("in peace\n", result.out)
  end)

  it("gives a debug hook back its place", function()
    local result = run [[
      local lines = 0
      local function hook() lines = lines + 1 end
      debug.sethook(hook, "l")
      pcall(function() signal_soon("INT") while true do end end)
      print(debug.gethook() == hook, select(2, debug.gethook()))
    ]]
    assert.equal("true\tl\t0\n", result.out)
  end)
end)

describe("a second signal", function()
  it("ends a C function that takes no notice of the first, at once", function()
    local result = run [[
      local g <close> = guarded("main")
      local endless = io.popen("read -r go; kill -INT $PPID; kill -TERM $PPID; read -r go", "w")
      endless:write("\n"):flush()
      string.find(string.rep("a", 500000), ".-.-b")
    ]]
    assert.equal("", result.out)
    assert.truthy(result.status == 143 or result.status == 130, result.status)
  end)
end)

describe("SIGTERM", function()
  it("stays ignored if whoever started the program wants that", function()
    local path = process.script(PRELUDE .. [[
      SIGNALLER = io.popen("kill -TERM $PPID"):close()
      crun.sleep(0.001)
      print("went on")
    ]])
    local result = process.run_file(path, nil,
      { interpreter = "sh -c 'trap \"\" TERM; exec \"$@\"' sh " .. process.interpreter })
    os.remove(path)
    assert.same({ 0, "went on\n" }, { result.status, result.out })
  end)
end)

describe("SIGPIPE", function()
  it("ends a program that prints for nobody, as under lua5.4", function()
    for _, text in ipairs { "while true do print('line') end", PRELUDE .. [[
      crun.spawn(function() while true do print("line") crun.yield() end end)
      crun.sleep(60)
    ]] } do
      local path = process.script(text)
      local result = process.run_file(path, "| head -n 1")
      os.remove(path)
      assert.same({ 0, "line\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("is not ignored in child processes", function()
    local result = run [[os.execute("grep SigIgn /proc/self/status")]]
    local mask = tonumber(result.out:match("SigIgn:%s*(%x+)"), 16)
    assert.equal(0, mask & 1 << 12)
  end)
end)
