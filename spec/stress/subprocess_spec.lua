-- SPDX-License-Identifier: MIT

--- Many children, one after the other and side by side.
local children = require "spec.support.children"
local core = require "crun.core"
local crun = require "crun"
local files = require "spec.support.files"
local leaks = require "spec.support.leaks"
local process = require "spec.support.process"
local random = require "spec.support.random"
local support = require "spec.support"

local subprocess = crun.subprocess

local function resident()
  return tonumber(files.read("/proc/self/status"):match "VmRSS:%s*(%d+)")
end

--- Calls fn(i) for 1 to n, so many at a time.
local function each(n, width, fn)
  local pool <close> = crun.Pool(width)
  pool:map(fn, (function()
    local list = {}
    for i = 1, n do list[i] = i end
    return list
  end)())
end

describe("many child processes", function()
  it("leave no zombie, descriptor or memory behind", function()
    local n = support.scaled(3000, 50)
    local function start(i)
      local result = subprocess.run(i % 10 == 0
        and { "cat", input = "x", capture_output = true } or { "true" })
      assert(result.code == 0)
    end
    each(n // 10, 8, start)
    collectgarbage()
    local before, alive, memory = leaks.snapshot(), children.count(), resident()
    each(n, 8, start)
    collectgarbage()
    assert.same({}, leaks.list(before))
    assert.equal(alive, children.count())
    -- A sanitizer keeps what was freed for a while.
    local grown = process.has_own_stacks and resident() - memory or 0
    assert.is_true(grown < 8192, "memory grows")
  end)

  it("are waited for, killed and forgotten in any order", function()
    local draw, before = random.new(7), children.count()
    local function play()
      local how = draw(6)
      local r, w = core.pipe()
      local child = assert(subprocess.Popen { "cat", stdin = r, stdout = "pipe" })
      core.close_fd(r)
      if how == 1 then child:kill() elseif how == 2 then child:terminate() end
      if how == 3 then child.stdout:close() end
      local task = crun.spawn(how > 3 and child.communicate or child.wait, child)
      crun.yield()
      if how == 4 then task:cancel() end
      core.close_fd(w)
      task:join()
      if how == 4 then child:kill() end
      if how ~= 5 then child:wait() end
      child:close()
    end
    each(support.scaled(300, 20), 5, play)
    local deadline = crun.now() + 20
    while children.count() > before and crun.now() < deadline do crun.sleep(0.001) end
    assert.equal(before, children.count())
  end)
end)
