-- SPDX-License-Identifier: MIT

local crun = require "crun"
local process = require "spec.support.process"
local support = require "spec.support"
local both = support.both

--- The text of an error with the numbers of tasks and the places in this file left out.
local function text_of(err)
  return (tostring(err):gsub("[%w_/.]*error_spec.lua:%d+", "FILE"):gsub("task#%d+", "task"))
end

local function fail(err) error(err, 0) end

--- The error that a group of such a body raises.
local function failure(body)
  return support.raised(function()
    crun.group(body)
  end)
end

describe("crun.Error:", function()
  it("is made of a list of errors, which it copies", function()
    local table_error = {}
    local list = { "a", table_error }
    local err = crun.Error(list)
    list[1] = "changed"
    assert.same({ "a", table_error }, err.errors)
    assert.equal(table_error, err.errors[2])
    assert.equal(2, err.n)
    assert.equal(crun.Error, getmetatable(err))
    assert.equal("crun.Error", getmetatable(err).__name)
  end)

  it("prints one line for each error below the message", function()
    assert.equal("2 errors\n+- a\n+- 42", tostring(crun.Error { "a", 42 }))
    assert.equal("1 error\n+- a", tostring(crun.Error { "a" }))
    assert.equal("0 errors", tostring(crun.Error {}))
    assert.equal("all mirrors failed\n+- a", tostring(crun.Error({ "a" }, "all mirrors failed")))
  end)

  it("words values that are no text as the interpreter does", function()
    local worded = setmetatable({}, { __tostring = function() return "in words" end })
    assert.equal("4 errors\n+- (error object is a table value)\n+- in words\n"
      .. "+- (error object is a boolean value)\n+- (error object is a function value)",
      tostring(crun.Error { {}, worded, false, print }))
  end)

  it("indents the further lines of an error below its own", function()
    assert.equal("2 errors\n+- one\n|  two\n+- three\n   four",
      tostring(crun.Error { "one\ntwo", "three\nfour" }))
  end)

  it("prints errors in errors as a tree", function()
    local err = crun.Error({
      "a",
      crun.Error({ "b", crun.Error({ "c\nd" }, "innermost"), "e" }, "inner"),
      crun.Error({ "f" }, "last"),
    }, "outer")
    assert.equal([[
outer
+- a
+- inner
|  +- b
|  +- innermost
|  |  +- c
|  |     d
|  +- e
+- last
   +- f]], tostring(err))
  end)

  it("refuses what is no list of errors", function()
    support.refuses({ "bad argument #1 to 'Error'", "number" }, function()
      return (crun.Error(1))
    end)
    support.refuses({ "bad argument #2 to 'Error'" }, function() return (crun.Error({}, 1)) end)
  end)

  it("is raised and caught as any error", function()
    local err = crun.Error { "a" }
    assert.equal(err, support.raised(error, err))
    local task = crun.spawn(error, err)
    assert.equal(err, support.raised(task.get, task))
  end)
end)

describe("the crun.Error of a group:", function()
  both("names the tasks, and tells where the group was opened", function()
    local err = failure(function(group)
      group:spawn(function()
        pcall(crun.sleep, 1)
        error("second")
      end).name = "tidy"
      group:spawn(fail, "first")
    end)
    assert.equal("2 errors in the group of FILE\n+- task: first\n+- task 'tidy': FILE: second",
      text_of(err))
    assert.matches("error_spec.lua:%d+$", err.origin)
  end)

  both("of groups in groups is one tree", function()
    local err = failure(function(outer)
      outer:spawn(function()
        pcall(crun.sleep, 10)
        fail("line 1\nline 2")
      end).name = "slow"
      outer:spawn(crun.group, function(inner)
        inner:spawn(fail, "deep").name = "deepest"
        pcall(crun.yield)
        fail("interrupted, too")
      end).name = "fast"
      crun.sleep(100)
    end)
    assert.equal([[
2 errors in the group of FILE
+- task 'fast': 2 errors in a group
|  +- task 'deepest': deep
|  +- the body: interrupted, too
+- task 'slow': line 1
   line 2]], text_of(err))
  end)

  both("leaves out what the group itself has cancelled", function()
    local err = failure(function(group)
      group:spawn(crun.sleep, 100)
      group:spawn(function() crun.group(function(inner) inner:spawn(crun.sleep, 100) end) end)
      group:spawn(fail, "only this")
      crun.sleep(100)
    end)
    assert.equal("1 error in the group of FILE\n+- task: only this", text_of(err))
  end)

  it("is what an uncaught failure prints, at a script's end too", function()
    local path = process.script [[
local crun = require "crun"
crun.group(function(group)
  group:spawn(function()
    local _ <close> = setmetatable({}, { __close = function() error("nor this", 0) end })
    crun.sleep(10)
  end).name = "two"
  group:spawn(error, "no", 0).name = "one"
  crun.sleep(10)
end)
]]
    local result = process.run_file(path)
    os.remove(path)
    assert.equal(1, result.status)
    assert.matches(": 2 errors in the group of [^\n]*:2\n%+%- task#3 'one': no\n"
      .. "%+%- task#2 'two': nor this\n", result.err)
  end)
end)

describe("the text of a cancel error", function()
  both("names reason and origin, through any depth of groups", function()
    local texts = {}
    local function nest(depth)
      if depth == 0 then
        texts[#texts + 1] = tostring(support.raised(crun.sleep, 100))
        crun.sleep(1)
      end
      crun.group(function(group) group:spawn(nest, depth - 1) end)
    end
    local task = crun.spawn(nest, 4)
    crun.sleep(1)
    task:cancel("the user left")
    task:join()
    texts[#texts + 1] = tostring(task:exception())
    assert.matches("^cancelled: the user left %(by [^\n]*error_spec.lua:%d+%)$", texts[1])
    assert.equal(texts[1], texts[2])
  end)

  both("of a timeout tells which", function()
    local text
    local line = debug.getinfo(1, "l").currentline
    local code = select(3, crun.with_timeout(1, function()
      text = tostring(support.raised(crun.with_timeout, 5, crun.sleep, 100))
      crun.sleep(1)
    end))
    assert.equal("ETIMEDOUT", code)
    assert.matches("^cancelled: timed out %(by [^\n]*error_spec.lua:" .. line + 1 .. "%)$", text)
  end)

  both("gives the caller's line also where cancel was called by pcall", function()
    local task = crun.spawn(crun.sleep, 100)
    crun.yield()
    pcall(task.cancel, task, "why")
    task:join()
    assert.matches("error_spec.lua:%d+$", task:exception().origin)
  end)
end)
