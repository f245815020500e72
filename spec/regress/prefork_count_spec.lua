-- SPDX-License-Identifier: MIT

--- The number of workers that changes while others drain, or while a reload is under way, ended the
--- master of `crun --workers`, or was forgotten; and a reload that was done while the next one was
--- failing left the workers before it alive.
local crun = require "crun"
local prefork = require "spec.support.prefork"
local process = require "spec.support.process"

local run = crun.subprocess.run

local SERVER = [[
  local crun = require "crun"
  local listener = crun.net.listen("127.0.0.1", 0)
  listener:accept()
]]

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

--- A script that stands still, computing as far as crun can see, until it is let go.
local function gate(name, rest)
  local path = os.tmpname()
  os.remove(path)
  assert(run { "mkfifo", path }.code == 0)
  local pipe = assert(io.open(path, "r+"))
  local script = ([[
    print(%q)
    io.stdout:flush()
    io.open(%q):read("l")
    %s
  ]]):format(name, path, rest)
  return script, function()
    pipe:write("go\n")
    pipe:close()
    os.remove(path)
  end
end

describe("the number of workers", function()
  it("goes down and up again while one drains", function()
    local master <close> = prefork.start { workers = 2, script = [[
      local crun = require "crun"
      local listener = crun.net.listen("127.0.0.1", 0)
      local _ <close> = setmetatable({}, { __close = function()
        crun.shield(crun.sleep, 0.3)
      end })
      listener:accept()
    ]] }
    local old = master:serves(2)
    master:signal("SIGTTOU")
    master:expect "SIGTTOU: 1 workers"
    master:signal("SIGTTIN")
    master:expect "SIGTTIN: 2 workers"
    assert.not_equal(old[2], master:ready(1)[2])
    master:expect(("worker 2 %%(pid %d%%) exited with status 0"):format(old[2]))
    assert.equal(0, master:stop())
  end)

  it("holds for the workers that stay after a reload has failed", function()
    local path = process.script(SERVER)
    local master <close> = prefork.start { workers = 2, path = path }
    master.path = path
    local old = master:serves(2)
    local script, open = gate("reload", "error('broken')")
    write(path, script)
    master:signal("SIGHUP")
    master:expect "SIGHUP: 2 new workers"
    master:expect("^reload", master.out)
    master:signal("SIGTTOU")
    master:expect "SIGTTOU: 1 workers"
    open()
    master:expect "the reload has failed"
    write(path, SERVER)
    master:expect(("worker 2 %%(pid %d%%) exited with status 0"):format(old[2]))
    master:signal("SIGTTIN")
    assert.not_nil(master:ready(1)[2])
    assert.equal(0, master:stop())
  end)

  it("goes up during a reload that fails", function()
    local path = process.script(SERVER)
    local master <close> = prefork.start { workers = 1, path = path }
    master.path = path
    master:serves(1)
    write(path, "os.exit(7)")
    master:signal("SIGHUP")
    master:signal("SIGTTIN")
    master:expect "the reload has failed"
    write(path, SERVER)
    assert.not_nil(master:ready(1)[2])
    master:signal("SIGTTOU")
    master:expect "worker 2 .* exited with status 0"
    assert.equal(0, master:stop())
  end)
end)

describe("two reloads", function()
  it("of which the second one fails leave the workers of the first one", function()
    local path = process.script(SERVER)
    local master <close> = prefork.start { workers = 1, path = path }
    master.path = path
    local old = master:serves(1)
    local script, open_first = gate("first", SERVER)
    write(path, script)
    master:signal("SIGHUP")
    master:expect("^first", master.out)
    local second, open_second = gate("second", "error('broken')")
    write(path, second)
    master:signal("SIGHUP")
    master:expect("^second", master.out)
    open_first()
    master:ready(1)
    open_second()
    master:expect "the reload has failed"
    master:expect "the reload is done"
    master:expect(("pid %d%%) exited with status 0"):format(old[1]))
    assert.equal(0, master:stop())
  end)
end)

describe("a reload that is ended in its beginning", function()
  it("is an end as any other", function()
    for _ = 1, 5 do
      local master <close> = prefork.start { workers = 3, script = SERVER }
      master:serves(3)
      master:signal("SIGHUP")
      master:expect "SIGHUP"
      master:signal("SIGTERM")
      local status, log = master:wait(), table.concat(master.log, "\n")
      assert.equal(0, status, log)
      assert.is_nil(log:find("the Supervisor has ended", 1, true), log)
    end
  end)
end)
