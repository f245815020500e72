-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

local PRELUDE = [[
local crun = require "crun"
-- popen, not os.execute: system() would ignore the signal meant for us
local function signal(name) io.popen("kill -" .. name .. " $PPID"):close() end
local function guarded(word)
  return setmetatable({}, { __close = function() print("closed " .. word) end })
end
]]

local function run(text)
  return process.run(PRELUDE .. text)
end

describe("signals:", function()
  for name, number in pairs { INT = 2, TERM = 15 } do
    it("SIG" .. name .. " cancels main and all tasks; clean-ups run", function()
      local result = run(([[
        crun.spawn(function()
          local g <close> = guarded("task")
          crun.sleep(60)
        end)
        crun.spawn(function()
          local g <close> = guarded("parked")
          table.sort({ 1, 2, 3 }, function() crun.sleep(60) end)
        end)
        crun.spawn(function() crun.yield() signal("%s") end)
        local g <close> = guarded("main")
        crun.sleep(60)
        print("never")
      ]]):format(name))
      if process.under_crun then
        assert.equal(128 + number, result.status)
      else
        assert.is_true(result.status ~= 0)
      end
      for _, word in ipairs { "task", "parked", "main" } do
        assert.matches("closed " .. word, result.out)
      end
      assert.is_nil(result.out:find("never", 1, true))
    end)
  end

  it("the reason of the cancel is the signal's name", function()
    local result = run [[
      crun.spawn(function() signal("INT") end)
      local ok, err = pcall(crun.sleep, 60)
      print(ok, err.reason)
    ]]
    assert.matches("false\tSIGINT\n", result.out)
  end)

  it("reach a program whose tasks never wait for the outside", function()
    local result = run [[
      crun.spawn(function() crun.yield() signal("INT") end)
      local g <close> = guarded("main")
      while true do crun.yield() end
    ]]
    assert.equal("closed main\n", result.out)
    if process.under_crun then assert.equal(130, result.status) end
  end)

  it("a second one exits at once, although a clean-up would go on", function()
    local result = run [[
      crun.spawn(function() crun.shield(crun.sleep, 0.05) signal("INT") end)
      crun.spawn(function() signal("INT") end)
      local g <close> = setmetatable({}, { __close = function()
        io.stdout:write("cleaning\n"):flush()
        crun.shield(crun.sleep, 60)
        print("never")
      end })
      crun.sleep(60)
    ]]
    assert.equal("cleaning\n", result.out)
    assert.is_true(result.status == 130, "status " .. result.status)
  end)

  it("tasks waiting without a timer can be interrupted", function()
    local result = run [[
      local queue = crun.Queue()
      local ticker = crun.spawn(function() crun.sleep(0.01) signal("TERM") crun.sleep(60) end)
      local g <close> = guarded("main")
      queue:get()
    ]]
    assert.equal("closed main\n", result.out)
    if process.under_crun then assert.equal(143, result.status) end
  end)
end)
