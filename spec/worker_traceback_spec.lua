-- SPDX-License-Identifier: MIT

--- Whoever gets a worker's error raises it anew. What is reported then tells both: the way to the
--- call that raised it here, and the worker's own traceback.
local process = require "spec.support.process"

local SCRIPT = [[
local crun = require "crun"

local function inner(t) return t.x.y end
local function outer(t) local r = inner(t) return r end

crun.spawn(function()
  %s
end)
]]

local GETS = {
  ["a thread"] = [[
    local thread = crun.Thread { target = outer, args = { {} } }
    thread:start()
    thread:get()]],
  ["to_thread"] = "crun.to_thread(outer, {})",
  ["a process"] = [[
    local child = crun.Process { target = outer, args = { {} } }
    child:start()
    child:get()]],
  ["submit"] = [[
    local pool <close> = crun.ThreadPool(1)
    pool:submit(outer, {}):get()]],
  ["map"] = [[
    local pool <close> = crun.ProcessPool(1)
    pool:map(outer, { {} })]],
}

describe("the report of a worker's error", function()
  for name, get in pairs(GETS) do
    it("has the worker's traceback: " .. name, function()
      local result = process.run(SCRIPT:format(get))
      local here, there = result.err:match("traceback:\n(.*)\ntraceback of the worker:\n(.*)")
      assert.is_string(there, result.err)
      assert.is_truthy(here:find("script.lua:[789]: in"), result.err)
      assert.is_truthy(there:find(":3: in upvalue 'inner'", 1, true), result.err)
      assert.is_truthy(there:find(":4: in", 1, true), result.err)
    end)
  end

  it("has it in the main chunk", function()
    if not process.under_crun then return end
    local result = process.run [[
      local crun = require "crun"
      crun.to_thread(function() error("lost", 0) end)
    ]]
    assert.is_truthy(result.err:find("lost\nstack traceback:\n.*\ntraceback of the worker:\n"))
  end)

  it("has none where the error is another one", function()
    local result = process.run [[
      local crun = require "crun"
      print(pcall(crun.to_thread, function() error("lost", 0) end))
      crun.spawn(function() error("found", 0) end)
    ]]
    assert.equal("false\tlost\n", result.out)
    assert.is_truthy(result.err:find("found\nstack traceback:\n", 1, true))
    assert.is_nil(result.err:find("of the worker", 1, true))
  end)
end)
