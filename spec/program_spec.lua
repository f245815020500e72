-- SPDX-License-Identifier: MIT

local process = require "spec.support.process"

local run, under_crun = process.run, process.under_crun

describe("exit status:", function()
  it("is 0 when all went well", function()
    local result = run "local crun = require 'crun' crun.spawn(print, 'hello') crun.yield()"
    assert.same({ 0, "hello\n", "" }, { result.status, result.out, result.err })
  end)

  it("is 1 after an error of the main chunk, which is reported as lua does", function()
    local result = run "require 'crun'\nerror('broken')"
    assert.equal(1, result.status)
    assert.matches("script.lua:2: broken\nstack traceback:", result.err)
  end)

  it("is 1 after an unobserved task failure, and the script goes on", function()
    local result = run [[
      local crun = require "crun"
      crun.spawn(error, "lost")
      crun.sleep(0.001)
      print("went on")
    ]]
    assert.equal("went on\n", result.out)
    assert.matches("lost", result.err)
    if under_crun then
      assert.equal(1, result.status)
    end
  end)

  it("is 0 when the failure was fetched", function()
    local result = run [[
      local crun = require "crun"
      print(pcall(function() crun.spawn(error, "fetched", 0):get() end))
    ]]
    assert.same({ 0, "false\tfetched\n", "" }, { result.status, result.out, result.err })
  end)

  it("is 0 when on_error took care", function()
    local result = run [[
      local crun = require "crun"
      crun.on_error = function(task, err) print(task.name, err) end
      crun.spawn(error, "handled", 0).name = "worker"
      crun.yield()
    ]]
    assert.same({ 0, "worker\thandled\n", "" }, { result.status, result.out, result.err })
  end)

  it("is the one given to os.exit, from main and from a task", function()
    assert.equal(7, run("require 'crun' os.exit(7)").status)
    for _, close in ipairs { "false", "true" } do
      local result = run([[
        local crun = require "crun"
        local other = crun.spawn(crun.sleep, 100)
        crun.spawn(function()
          crun.yield()
          print("exits")
          os.exit(5, ]] .. close .. [[)
        end)
        crun.sleep(100)
      ]])
      assert.same({ 5, "exits\n", "" }, { result.status, result.out, result.err })
    end
  end)

  it("is the one given to os.exit inside a C frame, a coroutine and a clean-up", function()
    for _, body in ipairs {
      "table.sort({ 1, 2, 3 }, function() crun.yield() os.exit(9, true) end)",
      "coroutine.wrap(function() crun.yield() os.exit(9, true) end)()",
      "local g <close> = setmetatable({}, { __close = function() crun.yield() os.exit(9) end })",
      "pcall(function() crun.sleep(0) os.exit(9) end)",
    } do
      local result = run("local crun = require 'crun' crun.spawn(function() " .. body ..
        " end) crun.sleep(5)")
      assert.same({ 9, "", "" }, { result.status, result.out, result.err }, body)
    end
  end)
end)

describe("report of an unobserved failure:", function()
  it("has name, error, traceback and spawn site, once", function()
    local result = run [[
local crun = require "crun"
local function fail()
  error("boom")
end
local task = crun.spawn(function()
  crun.yield()
  fail()
end)
task.name = "worker"
crun.sleep(0.001)
task:join()
crun.sleep(0.001)
]]
    local expected = "^crun: task#%d+ 'worker' failed: script.lua:3: boom\n" ..
      "stack traceback:\n\t.-script.lua:3: in .-script.lua:7: in .-" ..
      "spawned at script.lua:5\n$"
    assert.matches(expected, result.err)
    local _, count = result.err:gsub("boom", "")
    assert.equal(1, count)
  end)

  it("shows error objects by their __tostring, and others by their type", function()
    local result = run [[
      local crun = require "crun"
      crun.spawn(error, setmetatable({}, { __tostring = function() return "an object" end }))
      crun.spawn(error, {})
      crun.spawn(error, nil)
      crun.yield()
    ]]
    assert.matches("failed: an object\n", result.err)
    local _, reports = result.err:gsub("crun: task#%d+", "")
    assert.equal(3, reports)
    assert.matches("table", result.err)
  end)

  it("comes at once, before the program goes on", function()
    local result = run [[
      local crun = require "crun"
      crun.spawn(error, "early", 0)
      crun.yield()
      crun.yield()
      io.stderr:write("later\n")
    ]]
    assert.matches("early.*later", result.err)
  end)

  it("survives an on_error that fails itself", function()
    local result = run [[
      local crun = require "crun"
      crun.on_error = function() error("handler broke") end
      crun.spawn(error, "original")
      crun.sleep(0.001)
      print("alive")
    ]]
    assert.equal("alive\n", result.out)
    assert.matches("handler broke", result.err)
  end)

  it("law 31: nothing is lost when standard error is closed", function()
    local result = process.command(("sh -c %s"):format(process.quote([[
      exec 2>&-; echo "local crun = require 'crun'
      local t = crun.spawn(function() crun.sleep(0.001) error('x') end)
      crun.spawn(error, 'unseen')
      print(t:join(), crun.spawn(function() return 4 end):get())" |
      LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" LUA_CPATH="$PWD/build/lib/?.so;;" ]] ..
      process.interpreter .. " -")))
    assert.equal("true\t4\n", result.out)
  end)
end)

describe("end of the program:", function()
  it("waits for tasks that are no daemons", function()
    local result = run [[
      local crun = require "crun"
      for i = 1, 3 do
        crun.spawn(function()
          crun.sleep(i / 10)
          print("task", i)
          crun.spawn(function() crun.yield() print("grandchild", i) end)
        end)
      end
      print("main ends")
    ]]
    assert.equal("", result.err)
    assert.equal("main ends\ntask\t1\ngrandchild\t1\ntask\t2\ngrandchild\t2\ntask\t3\n" ..
      "grandchild\t3\n", result.out)
    assert.equal(0, result.status)
  end)

  it("cancels daemons, whose clean-up runs, also one that waits", function()
    local result = run [[
      local crun = require "crun"
      local daemon = crun.spawn(function()
        local guard <close> = setmetatable({}, { __close = function(_, err)
          crun.shield(crun.sleep, 0.001)
          print("closed", getmetatable(err) ~= nil)
        end })
        while true do crun.sleep(0.001) end
      end)
      daemon.daemon = true
      crun.spawn(function() crun.sleep(0.003) print("worker done") end)
      print("main ends")
    ]]
    assert.same({ 0, "main ends\nworker done\nclosed\ttrue\n", "" },
      { result.status, result.out, result.err })
  end)

  it("does not wait for a task that became a daemon", function()
    local result = run [[
      local crun = require "crun"
      local task = crun.spawn(function() crun.sleep(1000) end)
      crun.yield()
      task.daemon = true
    ]]
    assert.same({ 0, "", "" }, { result.status, result.out, result.err })
  end)

  it("closes tasks parked inside C frames and coroutines", function()
    local result = run [[
      local crun = require "crun"
      local function parked(where)
        local guard <close> = setmetatable({}, { __close = function() print("closed", where) end })
        crun.sleep(1000)
      end
      local bodies = {
        function() table.sort({ 1, 2, 3 }, function() parked("sort") end) end,
        function() string.gsub("x", "x", function() parked("gsub") end) end,
        function() coroutine.wrap(function() parked("wrap") end)() end,
        function() setmetatable({}, { __index = function() parked("index") end }).x() end,
      }
      for _, body in ipairs(bodies) do crun.spawn(body).daemon = true end
      crun.yield()
    ]]
    assert.same({ 0, "" }, { result.status, result.err })
    for _, where in ipairs { "sort", "gsub", "wrap", "index" } do
      assert.matches("closed\t" .. where .. "\n", result.out)
    end
  end)

  it("an error of main still lets the tasks finish, and the status is 1", function()
    local result = run [[
      local crun = require "crun"
      crun.spawn(function() crun.sleep(0.001) print("finished") end)
      error("main failed", 0)
    ]]
    assert.equal(1, result.status)
    assert.matches("main failed", result.err)
    assert.equal("finished\n", result.out)
  end)

  it("works when crun was required but never used", function()
    local result = run "require 'crun'"
    assert.same({ 0, "", "" }, { result.status, result.out, result.err })
  end)

  it("objects with finalizers that know crun's objects are closed in peace", function()
    local result = run [[
      local crun = require "crun"
      local queue = crun.Queue()
      local task = crun.spawn(function() return "r" end)
      task:join()
      KEEP = setmetatable({}, { __gc = function()
        print(pcall(task.status, task), pcall(queue.qsize, queue))
      end })
    ]]
    assert.equal("", result.err)
    assert.equal(0, result.status)
  end)
end)
