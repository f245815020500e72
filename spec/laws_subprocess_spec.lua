-- SPDX-License-Identifier: MIT

local children = require "spec.support.children"
local core = require "crun.core"
local crun = require "crun"
local files = require "spec.support.files"
local leaks = require "spec.support.leaks"
local process = require "spec.support.process"
local support = require "spec.support"

local subprocess = crun.subprocess
local run, Popen = subprocess.run, subprocess.Popen

--- More than the pipes take: those of the system hold 64 KiB.
local PLENTY = 1 << 20

--- Seconds after which something that should take none has gone wrong.
local AGES = 20

--- The descriptors that a child finds open, as a string. Listing the folder would open another.
local function open_in_child(options)
  options[1], options[2] = "sh", "-c"
  options[3] = "f=0; while [ $f -lt 256 ]; do [ -e /proc/$$/fd/$f ] && echo $f; f=$((f+1)); done; :"
  options.stdout = "pipe"
  local list = assert(run(options)).stdout:gsub("\n", " ")
  return list
end

describe("laws of processes:", function()
  it("law 98: exit codes are told, and signals told apart from them", function()
    assert.equal(0, run { "true" }.code)
    for _, code in ipairs { 1, 9, 15, 127, 255 } do
      local result = run { "sh", "-c", "exit " .. code }
      assert.same({ code, nil }, { result.code, result.signal })
    end
    for _, name in ipairs { "SIGKILL", "SIGTERM", "SIGUSR1", "SIGABRT" } do
      local number = subprocess.signals[name]
      local result = run { "sh", "-c", ("kill -%d $$"):format(number) }
      assert.same({ -number, number }, { result.code, result.signal })
    end
  end)

  it("law 98: every waiter gets the same answer, a cancelled one disturbs none", function()
    local child <close> = assert(Popen { "sh", "-c", "read x; exit 7", stdin = "pipe" })
    local tasks = {}
    for i = 1, 4 do tasks[i] = crun.spawn(child.wait, child) end
    crun.yield()
    tasks[2]:cancel()
    assert.equal("ETIMEDOUT", select(3, child:wait(0)))
    assert.is_nil((child:poll()))
    child.stdin:close()
    for i = 1, 4 do
      if i == 2 then
        tasks[i]:join()
        assert.is_true(tasks[i]:cancelled())
      else
        assert.equal(7, tasks[i]:get())
      end
    end
    assert.equal(7, child:wait())
    assert.equal(7, child:wait(0))
    assert.equal(7, child:poll())
  end)

  it("law 98: waiting lets other tasks run", function()
    local child <close> = assert(Popen { "cat", stdin = "pipe" })
    local turns = 0
    local task = crun.spawn(function()
      for _ = 1, 100 do
        turns = turns + 1
        crun.yield()
      end
      child.stdin:close()
    end)
    assert.equal(0, child:wait())
    assert.equal(100, turns)
    assert.is_true(task:done())
  end)

  it("law 98: a missing program is an error at once and leaks nothing", function()
    local before, alive = leaks.snapshot(), children.count()
    for _ = 1, support.scaled(20) do
      local command = { "no-such-program", "x", capture_output = true, input = "y" }
      local result, message, code = run(command)
      assert.same({ nil, "ENOENT: no such file or directory: no-such-program", "ENOENT" },
        { result, message, code })
      assert.equal("ENOENT", select(3, run { "/no/such/program" }))
      assert.equal("ENOENT", select(3, run { "true", cwd = "/no/such/folder" }))
      assert.equal("EACCES", select(3, run { "/etc/passwd", stdout = "pipe" }))
      assert.equal("EBADF", select(3, run { "true", fds = { [3] = 12345 } }))
    end
    assert.same({}, leaks.list(before))
    assert.equal(alive, children.count())
  end)

  it("law 98: all three pipes with more than their buffers are no deadlock", function()
    local input = ("0123456789abcdef"):rep(PLENTY // 16)
    local result =
      run { "tee", "/dev/stderr", input = input, capture_output = true, timeout = AGES }
    assert.equal(0, result.code)
    assert.is_true(result.stdout == input)
    assert.is_true(result.stderr == input)
  end)

  it("law 98: a child that reads nothing is fed in vain, and its answer counts", function()
    local input = ("x"):rep(PLENTY)
    local result = run { "sh", "-c", "exec <&-; echo enough", input = input, stdout = "pipe" }
    assert.same({ 0, "enough\n" }, { result.code, result.stdout })
  end)

  it("law 98: writing to a dead child is an error, not death by SIGPIPE", function()
    local child <close> = assert(Popen { "true", stdin = "pipe" })
    child:wait()
    assert.equal("EPIPE", select(3, child.stdin:write("x")))
    assert.equal("EPIPE", select(3, child.stdin:write(("x"):rep(PLENTY))))
  end)

  it("law 98: SIGPIPE ends children as ever, and their signals are not blocked", function()
    local result = subprocess.pipeline { { "yes" }, { "head", "-n", 1 }, stdout = "pipe" }
    assert.equal("y\n", result.stdout)
    assert.equal(subprocess.signals.SIGPIPE, result.stages[1].signal)
    local status = run { "cat", "/proc/self/status", stdout = "pipe" }.stdout
    assert.equal(0, tonumber(status:match "SigBlk:%s*(%x+)", 16))
    local ignored = tonumber(status:match "SigIgn:%s*(%x+)", 16)
    assert.equal(0, ignored & (1 << (subprocess.signals.SIGPIPE - 1)))
  end)

  it("law 98: no descriptor of one child is kept open by another", function()
    local first <close> = assert(Popen { "cat", stdin = "pipe", stdout = "pipe" })
    local second <close> = assert(Popen { "cat", stdin = "pipe", stdout = "pipe" })
    local file <close> = assert(io.open("/dev/null"))
    first.stdin:close()
    assert.equal("", first.stdout:read("a", AGES))
    assert.equal(0, first:wait(AGES))
    assert.equal("0 1 2 ", open_in_child {})
    second.stdin:close()
    assert.equal(0, second:wait(AGES))
    assert.is_truthy(file)
  end)

  it("law 98: a child gets the descriptors that it is given", function()
    local r, w = assert(core.pipe())
    local high <close> = assert(core.stream_open(w))
    assert.equal("0 1 2 4 9 ", open_in_child { fds = { [4] = r, [9] = "null" } })
    assert.equal("0 1 2 200 ", open_in_child { fds = { [200] = high }, stdin = "null" })
    core.close_fd(r)
  end)

  it("law 98: sources and targets may be the same descriptors in another order", function()
    local pipes, w = {}, {}
    for i = 1, 3 do
      pipes[i] = { core.pipe() }
      w[i] = pipes[i][2]
    end
    local script = ""
    for i = 1, 3 do script = script .. ("echo %d > /proc/self/fd/%d;"):format(i, w[i]) end
    assert(run { "sh", "-c", script, fds = { [w[1]] = w[2], [w[2]] = w[3], [w[3]] = w[1] } })
    for _, pipe in ipairs(pipes) do core.close_fd(pipe[2]) end
    local read = {}
    for i, pipe in ipairs(pipes) do
      local stream <close> = assert(core.stream_open(pipe[1]))
      read[i] = stream:read("a")
    end
    assert.same({ "3\n", "1\n", "2\n" }, read)
  end)

  it("law 98: no zombies, whether anybody waits or not", function()
    local before = children.count()
    for _ = 1, support.scaled(50) do run { "true" } end
    assert.equal(before, children.count())
    for _ = 1, 10 do
      local child = assert(Popen { "true", stdout = "pipe" })
      child.stdout:read("a")
      child:close()
    end
    collectgarbage()
    collectgarbage()
    local last <close> = assert(Popen { "cat", stdin = "pipe" })
    local deadline = crun.now() + AGES
    while children.count() > before + 1 and crun.now() < deadline do crun.sleep(0.001) end
    assert.equal(before + 1, children.count())
    last.stdin:close()
  end)

  it("law 98: only own children are reaped", function()
    local foreign = io.popen("read x; exit 3", "w")
    for _ = 1, 5 do run { "true" } end
    foreign:write("\n")
    for _ = 1, 5 do run { "true" } end
    assert.same({ n = 3, nil, "exit", 3 }, table.pack(foreign:close()))
  end)

  it("law 98: a process that nobody waits for does not keep the program", function()
    local script = process.script [[
      local crun = require "crun"
      local process = assert(crun.subprocess.Popen { "sleep", "60", stdout = "null" })
      print(process.pid)
    ]]
    local ended = process.run_file(script, nil, { timeout = AGES })
    os.remove(script)
    assert.equal(0, ended.status)
    local pid = tonumber(ended.out)
    assert.is_false(children.ended(pid))
    run { "kill", pid }
  end)

  it("law 98: nor does it hide a deadlock", function()
    local script = process.script [[
      local crun = require "crun"
      local process = assert(crun.subprocess.Popen { "sleep", "60", stdout = "null" })
      print(process.pid)
      io.stdout:flush()
      crun.select { { process }, { 0.001 } }
      process:wait(0.001)
      crun.Queue():get()
    ]]
    local ended = process.run_file(script, nil, { timeout = AGES })
    os.remove(script)
    run { "kill", tonumber(ended.out) }
    assert.is_true(ended.status == 1 or ended.status == 2)
    assert.is_truthy(ended.err:find "deadlock")
  end)

  it("law 98: a wait for a process is no deadlock, and is told in the dump", function()
    local child <close> = assert(Popen { "cat", stdin = "pipe" })
    local task = crun.spawn(child.wait, child)
    crun.yield()
    assert.is_truthy(crun.dump_string():find("waiting for process " .. child.pid, 1, true))
    child.stdin:close()
    assert.equal(0, task:get())
  end)

  it("law 98: the files under /proc are what these specs think", function()
    local child <close> = assert(Popen { "cat", stdin = "pipe" })
    assert.is_truthy(children.list()[child.pid])
    assert.is_false(children.ended(child.pid))
    assert.is_truthy(files.read("/proc/self/status"):find "SigBlk")
    child.stdin:close()
    child:wait()
    assert.is_true(children.ended(child.pid))
  end)
end)
