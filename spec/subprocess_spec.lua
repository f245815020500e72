-- SPDX-License-Identifier: MIT

local children = require "spec.support.children"
local core = require "crun.core"
local crun = require "crun"
local files = require "spec.support.files"
local process = require "spec.support.process"
local support = require "spec.support"

local refuses = support.refuses
local subprocess = crun.subprocess
local run = subprocess.run

--- Seconds after which something that should take none has gone wrong.
local AGES = 20

--- A command whose grandchild tells that it is there, and then holds descriptor 3 for a long time.
local FAMILY = "(echo ready >&3; exec sleep 100) & wait"

--- Calls body(descriptor) in a task; returns that, and a function that waits until nobody has the
--- descriptor any more, and returns whether the grandchild had been there.
local function with_family(body)
  local r, w = assert(core.pipe())
  local task = crun.spawn(body, w)
  local stream = assert(core.stream_open(r))
  return task, stream, function()
    local rest = stream:read("a", AGES)
    stream:close()
    return rest
  end, w
end

describe("subprocess.run", function()
  it("gives what the program wrote, and nothing of what was not asked for", function()
    local result = run { "sh", "-c", "echo out; echo err >&2", stdout = "pipe", stderr = "null" }
    assert.same({ "out\n", nil }, { result.stdout, result.stderr })
    result = run { "sh", "-c", "echo out; echo err >&2", capture_output = true }
    assert.same({ "out\n", "err\n" }, { result.stdout, result.stderr })
    result = run { "sh", "-c", "echo out; echo err >&2", stdout = "pipe", stderr = "stdout" }
    assert.same({ "out\nerr\n", nil }, { result.stdout, result.stderr })
    result = run { "true", capture_output = true }
    assert.same({ "", "" }, { result.stdout, result.stderr })
  end)

  it("passes the words as they are, and no shell sees them", function()
    local words = { "printf", "%s|", "a b", "$HOME", "`id`", "\"'\\", "*", "", "\n", 7, 0.5 }
    words.stdout = "pipe"
    assert.equal("a b|$HOME|`id`|\"'\\|*||\n|7|0.5|", run(words).stdout)
  end)

  it("runs a shell when asked, what follows are the script's parameters", function()
    local result = run { "echo $0-$#-$2; exit 3", "a", "b c", shell = true, stdout = "pipe" }
    assert.same({ "sh-2-b c\n", 3 }, { result.stdout, result.code })
  end)

  it("feeds the input", function()
    for _, input in ipairs { "", "x", ("line\n"):rep(100000) } do
      assert.equal(input, run { "cat", input = input, stdout = "pipe" }.stdout)
    end
    assert.equal(0, run { "true", input = ("x"):rep(1 << 20) }.code)
  end)

  it("changes the folder and replaces the environment", function()
    assert.equal("/\n", run { "pwd", cwd = "/", stdout = "pipe", shell = true }.stdout)
    local result = run { "/usr/bin/env", env = { A = "1", B = 2, C = "" }, stdout = "pipe" }
    local lines = {}
    for line in result.stdout:gmatch "[^\n]+" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "A=1", "B=2", "C=" }, lines)
    local env = subprocess.environ { CRUN_SPEC_NEW = "new", HOME = false }
    local script = "echo $CRUN_SPEC_NEW $HOME ${PATH:+path}"
    assert.equal("new path\n", run { script, shell = true, env = env, stdout = "pipe" }.stdout)
  end)

  it("looks for the program in the child's own PATH", function()
    assert.equal(0, run { "true", env = { PATH = "/nowhere:/bin:/usr/bin" } }.code)
    assert.equal("ENOENT", select(3, run { "true", env = { PATH = "/nowhere" } }))
    assert.equal("ENOENT", select(3, run { "" }))
    local result = run { "name", "-c", "echo $0", executable = "sh", stdout = "pipe" }
    assert.equal("name\n", result.stdout)
  end)

  it("connects descriptors, files and streams", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write("first\n")
    assert(run { "echo", "second", stdout = file, stderr = file })
    file:close()
    assert.equal("first\nsecond\n", files.read(name))
    file = assert(io.open(name))
    assert.equal("first\nsecond\n", run { "cat", stdin = file, stdout = "pipe" }.stdout)
    file:close()
    os.remove(name)
    local a, b = core.socketpair()
    local mine <close> = assert(core.stream_open(a))
    local theirs <close> = assert(core.stream_open(b))
    assert(run { "echo", "hello", stdout = theirs })
    assert.equal("hello", mine:read("l", AGES))
    local r, w = core.pipe()
    assert(run { "echo", "there", stdout = w })
    core.close_fd(w)
    assert.equal("there\n", run { "cat", stdin = r, stdout = "pipe" }.stdout)
    core.close_fd(r)
    assert.equal("", run { "cat", stdin = "null", stdout = "pipe" }.stdout)
  end)

  it("hands on the program's own streams", function()
    local ended = process.run([[
      local run = require "crun".subprocess.run
      run { "cat" }
      run { "echo", "one" }
      run { "sh", "-c", "echo two >&2" }
      run { "sh", "-c", "echo three >&2", stderr = "stdout" }
    ]], { stdin = "zero\n" })
    assert.equal("zero\none\nthree\n", ended.out)
    assert.equal("two\n", ended.err)
  end)

  it("raises with check, an error that tells all", function()
    assert.equal("x\n", run { "echo", "x", stdout = "pipe", check = true }.stdout)
    local err = support.raised(run, { "sh", "-c", "echo out; echo so bad >&2; exit 3",
      check = true, capture_output = true })
    assert.equal(subprocess.ProcessError, getmetatable(err))
    assert.same({ 3, nil, "out\n", "so bad\n" }, { err.code, err.signal, err.stdout, err.stderr })
    assert.equal("sh -c 'echo out; echo so bad >&2; exit 3' exited with 3: so bad", tostring(err))
    err = support.raised(run, { "sh", "-c", "kill $$", check = true })
    assert.equal("sh -c 'kill $$' was killed by SIGTERM", tostring(err))
    local result = run { "false" }
    assert.equal(1, support.raised(result.check, result).code)
    assert.equal("crun.subprocess.Result: false exited with 1", tostring(result))
    assert.equal("ENOENT", select(3, run { "no-such-program", check = true }))
  end)

  it("quotes the end of a long complaint only", function()
    local err = support.raised(run, { "yes abc | head -n 10000 >&2; exit 1", shell = true,
      stderr = "pipe", check = true })
    assert.is_true(#tostring(err) < 700)
    assert.equal(40000, #err.stderr)
  end)

  it("kills the child when the time is over, and keeps what it wrote", function()
    local start = crun.now()
    local result, message, code, killed =
      run { "sh", "-c", "echo early; echo err >&2; exec sleep 100", capture_output = true,
        timeout = 1 }
    assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" }, { result, message, code })
    assert.is_true(crun.now() - start < AGES)
    assert.same({ "early\n", "err\n" }, { killed.stdout, killed.stderr })
    assert.equal(subprocess.signals.SIGKILL, killed.signal)
    -- Here the output's end comes at the same time as the process's.
    killed = select(4, run { "echo early; sleep 100", shell = true, stdin = "null",
      stdout = "pipe", timeout = 1 })
    assert.equal("early\n", killed.stdout)
    assert.equal("ETIMEDOUT", select(3, run { "sleep", 100, timeout = 0 }))
    assert.equal(0, run { "true", timeout = AGES }.code)
  end)

  it("kills the whole process group when the time is over", function()
    local task, stream, gone, w = with_family(function(fd)
      local fds = { [3] = fd }
      return select(3, run { FAMILY, shell = true, stdin = "null", fds = fds, timeout = 1 })
    end)
    crun.yield()
    core.close_fd(w)
    assert.equal("ready", stream:read("l", AGES))
    assert.equal("ETIMEDOUT", task:get())
    assert.equal("", gone())
  end)

  it("kills the group when only grandchildren are left that hold an output", function()
    local task, stream, gone, w = with_family(function(fd)
      local script = FAMILY:gsub("wait$", "exit 0")
      return table.pack(run { script, shell = true, stdin = "null", stdout = "pipe",
        fds = { [3] = fd }, timeout = 1 })
    end)
    crun.yield()
    core.close_fd(w)
    assert.equal("ready", stream:read("l", AGES))
    local ended = task:get()
    assert.equal("ETIMEDOUT", ended[3])
    assert.equal(0, ended[4].code)
    assert.equal("", gone())
  end)

  it("kills the whole process group when the caller is cancelled", function()
    for _, capture in ipairs { false, true } do
      local task, stream, gone, w = with_family(function(fd)
        return run { FAMILY, shell = true, stdin = "null", fds = { [3] = fd },
          capture_output = capture }
      end)
      crun.yield()
      core.close_fd(w)
      assert.equal("ready", stream:read("l", AGES))
      task:cancel()
      task:join()
      assert.is_true(task:cancelled())
      assert.equal("", gone())
    end
  end)

  it("ends with an enclosing timeout, too", function()
    local before = children.count()
    assert.equal("ETIMEDOUT",
      select(3, crun.with_timeout(0.05, run, { "sleep", "100", input = "x", stdout = "pipe" })))
    assert.equal(before, children.count())
  end)

  it("stops a child that writes without end", function()
    local result, message, code, killed = run { "yes", stdout = "pipe", max_output = 1000 }
    assert.same({ nil, "EMSGSIZE: more than 1000 bytes on stdout", "EMSGSIZE" },
      { result, message, code })
    assert.equal(subprocess.signals.SIGKILL, killed.signal)
    assert.equal(1001, #killed.stdout)
    local exact = run { "printf", "12345", stdout = "pipe", max_output = 5 }
    assert.equal("12345", exact.stdout)
    assert.equal("EMSGSIZE",
      select(3, run { "sh", "-c", "yes >&2", capture_output = true, max_output = 70000 }))
  end)

  it("captures much", function()
    local size = support.scaled(50000000, 100000)
    local result = run { "head", "-c", size, "/dev/zero", stdout = "pipe" }
    assert.equal(size, #result.stdout)
  end)

  it("gives the child a process group, or a session, of its own", function()
    local script = "read pid x y z group session rest < /proc/self/stat; echo $$ $group $session"
    local function ids(options)
      options[1], options.shell, options.stdout = script, true, "pipe"
      local pid, group, session = run(options).stdout:match "(%d+) (%d+) (%d+)"
      return pid, group, session
    end
    local pid, group, session = ids { stdin = "null" }
    assert.equal(pid, group)
    assert.is_true(session ~= pid)
    pid, group = ids { process_group = false }
    assert.is_true(group ~= pid)
    pid, group, session = ids { start_new_session = true }
    assert.same({ pid, pid }, { group, session })
  end)

  it("works many times at once", function()
    local n = support.scaled(60, 10)
    local tasks = {}
    for i = 1, n do
      local text = tostring(i):rep(20000)
      tasks[i] = crun.spawn(function()
        return run { "cat", input = text, stdout = "pipe" }.stdout == text
      end)
    end
    for i = 1, n do assert.is_true(tasks[i]:get()) end
  end)

  it("waits anywhere, inside a sort and in a generator", function()
    local list = { 3, 1, 2 }
    table.sort(list, function(a, b) return run { "test", a, "-lt", b }.code == 0 end)
    assert.same({ 1, 2, 3 }, list)
    local words = coroutine.wrap(function()
      for i = 1, 2 do coroutine.yield(run { "echo", i, stdout = "pipe" }.stdout) end
    end)
    assert.equal("1\n2\n", words() .. words())
  end)

  it("works in threads, side by side, and its results and errors travel", function()
    local ended = process.run [[
      local crun = require "crun"
      local subprocess = crun.subprocess
      local function job(n)
        for i = 1, 5 do
          local text = tostring(n * i)
          assert(subprocess.run({ "cat", input = text, stdout = "pipe" }).stdout == text)
        end
        return subprocess.run { "sh", "-c", "exit " .. n, check = n == 3 }
      end
      local threads = {}
      for n = 1, 3 do
        threads[n] = crun.Thread { target = job, args = { n } }
        threads[n]:start()
      end
      print(threads[1]:get())
      local result = threads[2]:get()
      print(result.code, pcall(result.check, result))
      local ok, err = pcall(threads[3].get, threads[3])
      print(ok, getmetatable(err) == subprocess.ProcessError, err.code)
    ]]
    assert.equal("crun.subprocess.Result: sh -c 'exit 1' exited with 1\n"
      .. "2\tfalse\tsh -c 'exit 2' exited with 2\nfalse\ttrue\t3\n", ended.out)
  end)

  it("says what is wrong with its arguments", function()
    refuses({ "#1 to 'run'", "table expected, got string" }, function() run "ls" end)
    refuses({ "#1 to 'run'", "a program expected" }, function() run {} end)
    refuses({ "unknown option 'stdot'" }, function() run { "x", stdot = "pipe" } end)
    refuses({ "string 2 of the command", "got table" }, function() run { "x", {} } end)
    refuses({ "string 1 of the command", "got nil" }, function() run { [2] = "x" } end)
    refuses({ "zero byte" }, function() run { "a\0b" } end)
    refuses({ "'stdout'", "got \"pip\"" }, function() run { "x", stdout = "pip" } end)
    refuses({ "'stdout'", "got \"stdout\"" }, function() run { "x", stdout = "stdout" } end)
    refuses({ "'timeout': seconds" }, function() run { "x", timeout = "1" } end)
    refuses({ "'max_output'", "bytes" }, function() run { "x", max_output = -1 } end)
    refuses({ "'env': bad name \"a=b\"" }, function() run { "x", env = { ["a=b"] = "" } } end)
    refuses({ "'env': bad value of a" }, function() run { "x", env = { a = true } } end)
    refuses({ "'input'", "string" }, function() run { "x", input = 5 } end)
    refuses({ "'stdin' does not go with 'input'" }, function()
      run { "x", input = "", stdin = "null" }
    end)
    refuses({ "'stdin'", "nobody would write" }, function() run { "x", stdin = "pipe" } end)
    refuses({ "'stderr' does not go with 'capture_output'" }, function()
      run { "x", stderr = "null", capture_output = true }
    end)
    refuses({ "'fds': 1 = " }, function() run { "x", fds = { "null" } } end)
    refuses({ "'fds': 5 = \"pipe\"" }, function() run { "x", fds = { [5] = "pipe" } } end)
    refuses({ "'args'", "stand in the table itself" }, function() run { "x", args = { "y" } } end)
    refuses({ "'environ'" }, function() subprocess.environ("x") end)
  end)
end)
