-- SPDX-License-Identifier: MIT

local crun = require "crun"
local entries = require "spec.support.entries"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

--- A task that counts its turns until it is told to stop: the proof that others ran meanwhile.
local function ticker()
  local ticks = { count = 0 }
  ticks.task = crun.spawn(function()
    while not ticks.stop do
      crun.sleep(0.25)
      ticks.count = ticks.count + 1
    end
  end)
  function ticks:finish()
    self.stop = true
    self.task:join()
    return self.count
  end
  return ticks
end

describe("waiting inside", function()
  for _, entry in ipairs(entries) do
    both(entry.name .. " lets the others run and comes back", function()
      local ticks = ticker()
      local got = entry.body(function()
        crun.sleep(1)
        crun.yield()
        return "value"
      end)
      assert.equal(entry.expected, got)
      assert.is_true(ticks:finish() >= 3)
    end)
  end
end)

describe("an error raised after a wait inside", function()
  for _, entry in ipairs(entries) do
    both(entry.name .. " arrives as it is", function()
      local reason = {}
      local ok, err = pcall(entry.body, function()
        crun.sleep(1)
        error(reason)
      end)
      if not entry.swallows then
        assert.is_false(ok)
        assert.equal(reason, err)
      end
      crun.sleep(1)
    end)
  end
end)

describe("a cancel during a wait inside", function()
  for _, entry in ipairs(entries) do
    both(entry.name .. " unwinds the task", function()
      local closed = false
      local task = crun.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        entry.body(function()
          crun.sleep(10)
          return "value"
        end)
      end)
      crun.sleep(1)
      task:cancel()
      task:join()
      assert.is_true(closed)
      if not entry.swallows then
        assert.is_true(task:cancelled())
      end
    end)
  end
end)

describe("many tasks waiting inside C frames at once:", function()
  both("each gets its own result back", function()
    local list = {}
    for i = 1, support.scaled(200) do
      list[i] = function()
        local sum = 0
        local text = string.gsub("abcd", "%w", function(c)
          crun.sleep((i * 7 % 5) / 10)
          sum = sum + 1
          return c .. i
        end)
        return text .. sum
      end
    end
    for i, text in ipairs(crun.gather(list)) do
      assert.equal(("a%db%dc%dd%d4"):format(i, i, i, i), text)
    end
  end)

  both("a sort whose comparator waits, beside sorts that do not", function()
    local function sorted(wait)
      local list = {}
      for i = 1, 40 do list[i] = i * 37 % 41 end
      table.sort(list, function(a, b)
        if wait then wait() end
        return a < b
      end)
      return table.concat(list, " ")
    end
    local expected = sorted()
    local got = crun.gather {
      function() return sorted(crun.yield) end,
      function() return sorted(function() crun.sleep(0.1) end) end,
      sorted,
    }
    assert.same({ expected, expected, expected }, got)
  end)
end)

describe("a script that waits in its main chunk:", function()
  it("may do so inside C frames, print and require", function()
    local module = process.script "local crun = require 'crun' crun.sleep(0.001) return 'module'"
    local result = process.run(([[
      local crun = require "crun"
      crun.spawn(function() crun.yield() print("other") end)
      print(setmetatable({}, { __tostring = function() crun.sleep(0.001) return "object" end }))
      package.path = %q
      print((require "x"))
      print((string.gsub("a", "a", function() crun.sleep(0.001) return "b" end)))
    ]]):format(module))
    os.remove(module)
    assert.equal("", result.err)
    assert.equal("other\nobject\nmodule\nb\n", result.out)
  end)
end)
