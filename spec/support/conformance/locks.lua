-- SPDX-License-Identifier: MIT
local assert = require "luassert"
local crun = require "crun"

local M = {}

local function yes() return true end

--- The result of `hold`, kept until the waiter leaves.
local function keep(line, i, held, ...)
  if not held then return held, ... end
  line.held = line.held or {}
  line.held[i] = held
  return true
end

local function let_go(line, i)
  local _ <close> = line.held[i]
  line.held[i] = nil
end

--- A lock whose methods' names end in `suffix`; `lock` and `unlock` are methods that keep it from
--- everybody.
local function chain(name, make, methods)
  local function open(line)
    line.object = make()
    line.object[methods.lock](line.object)
    line.taken = true
  end
  local function wake(line)
    if line.taken then line.object[methods.unlock](line.object) end
    line.taken = false
  end
  local function check(line)
    local take = methods.whole or methods.acquire
    assert.is_true(line.object[take](line.object, 0))
    line.object[methods.whole_release or methods.release](line.object)
  end
  local wakes = methods.shared and "all" or "chain"
  M[name .. ":" .. methods.acquire] = {
    open = open, wake = wake, check = check, wakes = wakes,
    wait = function(line, _, t) return line.object[methods.acquire](line.object, t) end,
    release = function(line) line.object[methods.release](line.object) end,
  }
  M[name .. ":" .. methods.hold] = {
    open = open, wake = wake, check = check, wakes = wakes,
    wait = function(line, i, t)
      return keep(line, i, line.object[methods.hold](line.object, t))
    end,
    release = let_go,
  }
  M[name .. ":" .. methods.with] = {
    open = open, wake = wake, check = check, wakes = "all", untimed = true,
    wait = function(line) return line.object[methods.with](line.object, yes) end,
    late = not methods.shared and function(place) return place > 1 end,
  }
end

local PLAIN = {
  acquire = "acquire", release = "release", hold = "hold", with = "with",
  lock = "acquire", unlock = "release",
}
for _, name in ipairs { "Lock", "RLock", "Semaphore", "BoundedSemaphore" } do
  chain(name, crun[name], PLAIN)
end
chain("Condition", crun.Condition, PLAIN)
chain("RWLock", crun.RWLock, {
  acquire = "read_acquire", release = "read_release", hold = "hold_read", with = "with_read",
  lock = "write_acquire", unlock = "write_release", shared = true,
  whole = "write_acquire", whole_release = "write_release",
})
chain("RWLock", crun.RWLock, {
  acquire = "write_acquire", release = "write_release", hold = "hold_write", with = "with_write",
  lock = "read_acquire", unlock = "read_release",
})

for _, name in ipairs { "Semaphore", "BoundedSemaphore" } do
  local UNITS = 12
  M[name .. ":acquire of many units"] = {
    open = function(line)
      line.object = crun[name](UNITS)
      for _ = 1, UNITS do line.object:acquire() end
    end,
    wait = function(line, _, t) return line.object:acquire(t) end,
    wake = function(line)
      line.object:release()
      line.fed = line.fed + 1
    end,
    check = function(line) assert.equal(line.fed - #line.order, line.object:value()) end,
  }
end

return M
