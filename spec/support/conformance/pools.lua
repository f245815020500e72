-- SPDX-License-Identifier: MIT

--- A pool of one place, which a job keeps until it is told to end.
local assert = require "luassert"
local crun = require "crun"

local M = {}

local function open(line)
  line.object = crun.Pool(1)
  line.go = crun.Event()
  line.jobs = 0
  line.object:spawn(line.go.wait, line.go)
end

local function wake(line) line.go:set() end

--- Every place has come back, and jobs were run for those only who got one.
local function check(line)
  assert.equal(1, line.object:free_count())
  assert.equal(0, #line.object)
end

--- The same, with so many jobs for each waiter that was served, and up to `begun` for another.
local function check_jobs(each, begun)
  return function(line)
    check(line)
    local got = 0
    for i = 1, line.count + 1 do
      if line.outcomes[i] == "value" then got = got + 1 end
    end
    local extra = line.jobs - got * each
    assert.is_true(extra >= 0 and extra <= begun, extra .. " jobs too many")
  end
end

local function job(line)
  line.jobs = line.jobs + 1
  return "result"
end

local function yes(ok, ...)
  if ok then return true end
  return ok, ...
end

local ITEMS = { 1, 2, 3 }

local function collect(line, method)
  local list = {}
  for item in line.object[method](line.object, function(n)
    line.jobs = line.jobs + 1
    return n
  end, ITEMS) do
    list[#list + 1] = item
  end
  assert.same(ITEMS, list)
  return true
end

for name, operation in pairs {
  ["spawn"] = { wait = function(line) return yes(line.object:spawn(job, line)) end },
  ["spawn_timeout"] = {
    wait = function(line, _, t) return yes(line.object:spawn_timeout(t, job, line)) end,
    untimed = false,
  },
  ["apply"] = { wait = function(line) return line.object:apply(job, { line }) end },
  ["map"] = {
    wait = function(line)
      assert.same({ "result", "result" }, line.object:map(job, { line, line }))
      return true
    end,
    each = 2,
  },
  ["imap"] = { wait = function(line) return collect(line, "imap") end, each = #ITEMS, begun = 2 },
  ["imap_unordered"] = {
    wait = function(line) return collect(line, "imap_unordered") end, each = #ITEMS, begun = 2,
  },
  ["join"] = {
    wait = function(line, _, t) return line.object:join(t) end,
    untimed = false, each = 0,
  },
  ["wait_available"] = {
    wait = function(line, _, t) return line.object:wait_available(t) end,
    untimed = false, each = 0,
  },
} do
  M["Pool:" .. name] = {
    open = open, wait = operation.wait, wake = wake,
    wakes = "all", late = true, untimed = operation.untimed ~= false,
    check = check_jobs(operation.each or 1, operation.begun or 0),
  }
end

return M
