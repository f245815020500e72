-- SPDX-License-Identifier: MIT

local children = require "spec.support.children"
local core = require "crun.core"
local crun = require "crun"
local support = require "spec.support"

local refuses = support.refuses
local subprocess = crun.subprocess
local Popen, signals = subprocess.Popen, subprocess.signals

--- Seconds after which something that should take none has gone wrong.
local AGES = 20

describe("subprocess.Popen", function()
  it("is talked to through streams", function()
    local p <close> = assert(Popen { "cat", stdin = "pipe", stdout = "pipe" })
    assert.is_nil(p.stderr)
    for i = 1, 10 do
      p.stdin:write("line ", tostring(i), "\n")
      assert.equal("line " .. i, p.stdout:read("l", AGES))
    end
    p.stdin:close()
    assert.is_nil(p.stdout:read("l", AGES))
    assert.equal(0, p:wait(AGES))
  end)

  it("shuts a pipe down as a stream", function()
    local p <close> = assert(Popen { "cat", stdin = "pipe", stdout = "pipe" })
    p.stdin:write("x")
    assert.is_true(p.stdin:shutdown())
    assert.is_true(p.stdin:closed())
    assert.equal("x", p.stdout:read("a", AGES))
  end)

  it("tells its state", function()
    local p <close> = assert(Popen { "cat", "-", stdin = "pipe" })
    assert.equal(("crun.Popen: %d cat - (running)"):format(p.pid), tostring(p))
    assert.is_true(p:kill())
    p:wait()
    assert.equal(("crun.Popen: %d cat - (was killed by SIGKILL)"):format(p.pid), tostring(p))
    assert.equal("ESRCH", select(3, p:terminate()))
    assert.equal("ESRCH", select(3, p:kill()))
    assert.same({ "cat", "-" }, p.args)
    assert.equal("crun.Popen", getmetatable(p))
  end)

  it("sends signals", function()
    local script = "trap 'echo hup' HUP; echo ready; while :; do sleep 100 & wait $!; done"
    local p <close> = assert(Popen { "sh", "-c", script, stdin = "null", stdout = "pipe" })
    assert.equal("ready", p.stdout:read("l", AGES))
    assert.is_true(p:send_signal(0))
    assert.is_true(p:send_signal "SIGHUP")
    assert.equal("hup", p.stdout:read("l", AGES))
    assert.is_true(p:send_signal(signals.SIGHUP))
    assert.equal("hup", p.stdout:read("l", AGES))
    assert.is_true(p:terminate())
    assert.same({ -15, 15 }, { p:wait(AGES) })
    assert.equal("ESRCH", select(3, p:send_signal "SIGHUP"))
  end)

  it("terminates and kills its process group, and signals the process alone", function()
    for _, way in ipairs { "terminate", "kill" } do
      local script = "(trap '' HUP; exec sleep 100) & echo $!; wait"
      local p <close> =
        assert(Popen { "sh", "-c", script, stdin = "null", stdout = "pipe" })
      local grandchild = tonumber(p.stdout:read("l", AGES))
      assert.is_true(p:send_signal "SIGHUP")
      assert.equal(-signals.SIGHUP, p:wait(AGES))
      assert.is_false(children.ended(grandchild))
      assert.is_true(p[way](p))
      assert.equal("", p.stdout:read("a", AGES))
    end
  end)

  it("waits with a timeout", function()
    local p <close> = assert(Popen { "cat", stdin = "pipe" })
    assert.equal("ETIMEDOUT", select(3, p:wait(0.01)))
    assert.equal("ETIMEDOUT", select(3, p:wait(0)))
    assert.is_nil((p:poll()))
    p.stdin:close()
    assert.equal(0, p:wait(AGES))
    assert.equal(0, p:poll())
  end)

  it("communicates again after a timeout, and nothing is lost", function()
    local script = "echo one; read x; echo two $x >&2; exit 2"
    local p <close> = assert(Popen { "sh", "-c", script,
      stdin = "pipe", stdout = "pipe", stderr = "pipe" })
    local r, w = core.pipe()
    local q <close> = assert(Popen { "sh", "-c", "echo begun; read y; echo ended",
      stdin = r, stdout = "pipe" })
    core.close_fd(r)
    local gate <close> = assert(core.stream_open(w))
    assert.equal("ETIMEDOUT", select(3, q:communicate(nil, 0.05)))
    assert.equal("ETIMEDOUT", select(3, q:communicate(nil, 0)))
    gate:write("\n")
    local result = assert(q:communicate(nil, AGES))
    assert.equal("begun\nended\n", result.stdout)
    result = assert(p:communicate("input\n", AGES))
    assert.same({ 2, "one\n", "two input\n" }, { result.code, result.stdout, result.stderr })
    assert.equal("one\n", p:communicate().stdout)
  end)

  it("closes an input that nobody gives", function()
    local p <close> = assert(Popen { "cat", stdin = "pipe", stdout = "pipe" })
    assert.equal("", p:communicate(nil, AGES).stdout)
  end)

  it("waits at the end of its scope", function()
    local ended
    do
      local p <close> = assert(Popen { "sh", "-c", "cat; exit 4", stdin = "pipe", stdout = "null" })
      ended = p
      p.stdin:write("x")
    end
    assert.equal(4, ended:poll())
    assert.is_true(ended.stdin:closed())
  end)

  it("is killed when its scope is left by an error or a cancel", function()
    local left
    local ok, err = pcall(function()
      local p <close> = assert(Popen { "sleep", "100", stdin = "pipe" })
      left = p
      error("oh", 0)
    end)
    assert.same({ false, "oh" }, { ok, err })
    assert.equal(-signals.SIGKILL, left:poll())
    local task = crun.spawn(function()
      local p <close> = assert(Popen { "sleep", "100", stdin = "pipe" })
      left = p
      p:wait()
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
    assert.equal(-signals.SIGKILL, left:poll())
  end)

  it("is killed when the wait at the end of its scope is cancelled", function()
    local left
    local task = crun.spawn(function()
      local p <close> = assert(Popen { "sleep", "100", stdin = "null" })
      left = p
    end)
    crun.yield()
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
    assert.equal(-signals.SIGKILL, left:poll())
  end)

  it("goes on without its handle, and is reaped", function()
    local r, w = core.pipe()
    local gate <close> = assert(core.stream_open(w))
    local out, theirs = core.pipe()
    local pid = assert(Popen { "sh", "-c", "read x; echo $x", stdin = r, stdout = theirs }).pid
    core.close_fd(r)
    core.close_fd(theirs)
    collectgarbage()
    collectgarbage()
    gate:write("still there\n")
    local stream <close> = assert(core.stream_open(out))
    assert.equal("still there\n", stream:read("a", AGES))
    local deadline = crun.now() + AGES
    while children.list()[pid] and crun.now() < deadline do crun.sleep(0.001) end
    assert.is_nil(children.list()[pid])
  end)

  it("hands a stream of one child to another", function()
    local first <close> = assert(Popen { "echo", "through both", stdout = "pipe" })
    local second <close> = assert(Popen { "cat", stdin = first.stdout, stdout = "pipe" })
    first.stdout:close()
    assert.equal("through both\n", second:communicate(nil, AGES).stdout)
    refuses({ "'fds': open Stream" }, function()
      return core.child { file = "cat", args = { "cat" }, fds = { [0] = first.stdout } }
    end)
  end)

  it("is a case of select", function()
    local long <close> = assert(Popen { "cat", stdin = "pipe" })
    local short <close> = assert(Popen { "sh", "-c", "read x; exit 3", stdin = "pipe" })
    assert.equal(0, crun.select { { long }, { short, "wait" }, default = true })
    assert.equal("ETIMEDOUT", select(3, crun.select { { long }, { short }, timeout = 0.01 }))
    short.stdin:close()
    assert.same({ 2, 3 }, { crun.select { { long }, { short, "wait" }, { AGES } } })
    assert.same({ 1, 3 }, { crun.select { { short }, { long } } })
    local task = crun.spawn(crun.select, { { long }, { crun.Event() } })
    crun.yield()
    task:cancel()
    task:join()
    assert.is_nil((long:poll()))
    long:kill()
    assert.same({ 2, -9, 9 }, { crun.select { { crun.Event() }, { long }, { AGES } } })
    refuses({ "a process is for 'wait', not for 'end'" }, function()
      crun.select { { long, "end" } }
    end)
  end)

  it("says what is wrong with its arguments", function()
    local p <close> = assert(Popen { "cat", stdin = "pipe" })
    refuses({ "#1 to 'Popen'", "table expected" }, function() Popen("ls") end)
    refuses({ "unknown option 'timeout'" }, function() Popen { "ls", timeout = 1 } end)
    refuses({ "'send_signal'", "got SIGNOTHING" }, function() p:send_signal "SIGNOTHING" end)
    refuses({ "'send_signal'", "got 65" }, function() p:send_signal(65) end)
    refuses({ "'wait'", "seconds" }, function() p:wait "1" end)
    refuses({ "'communicate'", "string expected, got number" }, function() p:communicate(1) end)
    refuses({ "'wait' on bad self" }, function() p.wait {} end)
    assert.is_truthy(p:communicate "")
    refuses({ "given before" }, function() p:communicate "" end)
    local q <close> = assert(Popen { "true" })
    refuses({ "stdin is no pipe" }, function() q:communicate "x" end)
  end)
end)
