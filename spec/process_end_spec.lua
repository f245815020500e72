-- SPDX-License-Identifier: MIT

--- What becomes of a program's processes when it ends, in all the ways in which it can.
local core = require "crun.core"
local crun = require "crun"
local files = require "spec.support.files"
local process = require "spec.support.process"

local run, under_crun = process.run, process.under_crun

--- Seconds within which processes must be gone that have a second, or what the flavour takes.
local SOON = math.max(5, tonumber(os.getenv("CRUN_CHILD_TIMEOUT") or 0))

local CHILDREN = [[
  local crun = require "crun"

  local function clean(name)
    return setmetatable({}, { __close = function()
      crun.shield(crun.sleep, 0.01)
      io.write("cleaned ", name, "\n")
      io.stdout:flush()
    end })
  end

  local bodies = {
    sleeper = function(name, ready)
      local _ <close> = clean(name)
      ready:put(name)
      crun.sleep(100)
    end,
    spinner = function(name, ready)
      ready:put(name)
      crun.yield()
      local _ <close> = clean(name)
      while true do end
    end,
    stubborn = function(name, ready)
      ready:put(name)
      while true do pcall(function() while true do end end) end
    end,
    parent = function(name, ready)
      local inner = crun.Process { target = crun.sleep, args = { 100 } }
      inner:start()
      ready:put(name .. " " .. inner.pid)
      inner:join()
    end,
  }

  -- Starts those and tells on stderr: the name and process id of each, and those inside of them.
  local function start(names, options)
    local ready, started = crun.Queue(), {}
    for i, name in ipairs(names) do
      local p = crun.Process { target = bodies[name], args = { name, ready }, name = name }
      p.daemon = options == "daemon"
      started[i] = assert(p:start())
      io.stderr:write(ready:get(), " ", p.pid, "\n")
    end
    return started
  end
]]

--- A script that goes on from there.
local function script(text)
  return CHILDREN .. text
end

--- Starts the script in a session of its own, and reads from its stderr up to a line "ready".
local function begin(text)
  local path = process.script(script(text .. "\nio.stderr:write 'ready\\n' crun.sleep(100)"))
  local popen = assert(crun.subprocess.Popen {
    "exec " .. process.line(path), shell = true, start_new_session = true,
    stdout = "pipe", stderr = "pipe",
  })
  local told = {}
  for line in popen.stderr:lines() do
    if line == "ready" then break end
    told[#told + 1] = line
  end
  return popen, table.concat(told, "\n"), path
end

local function finish(popen, path)
  local result = assert(popen:communicate(nil, SOON))
  os.remove(path)
  return result
end

local function is_gone(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  local state = file and file:read("a"):match("%) (%a)")
  if file then file:close() end
  return state == nil or state == "Z"
end

--- Checks that the processes whose numbers are in the text end soon.
local function all_end(text)
  local limit = crun.now() + SOON
  for pid in text:gmatch("%d+") do
    while not is_gone(pid) do
      if crun.now() > limit then error(("process %s is still there: %s"):format(pid, text), 2) end
      crun.sleep(0.005)
    end
  end
end

describe("a program that ends", function()
  it("waits for its processes, whose output is complete", function()
    local result = run [[
      local crun = require "crun"
      local p = crun.Process { target = function()
        io.write("first, ")
        crun.sleep(0.02)
        io.write("last")
      end }
      p:start()
    ]]
    assert.same({ 0, "first, last", "" }, { result.status, result.out, result.err })
  end)

  it("ends its daemons, with clean-ups", function()
    local result = run(script "start({ 'sleeper', 'spinner' }, 'daemon')")
    assert.equal(0, result.status)
    assert.matches("cleaned sleeper\n", result.out)
    assert.matches("^sleeper %d+\nspinner %d+\n$", result.err)
    all_end(result.err)
  end)

  it("kills daemons that do not end", function()
    local result = run(script "start({ 'stubborn' }, 'daemon')")
    assert.equal(0, result.status)
    assert.matches("^stubborn %d+\n$", result.err)
    all_end(result.err)
  end)

  it("by an error waits, too, and reports that error alone", function()
    local result = run [[
      local crun = require "crun"
      crun.Process { target = function() crun.sleep(0.02) io.write("done") end }:start()
      error("main fails", 0)
    ]]
    assert.same({ 1, "done" }, { result.status, result.out })
    assert.matches("^%S+: main fails\n", result.err)
    assert.is_nil(result.err:find("failed", 1, true))
  end)

  it("has status 1 after a process failed that nobody waited for", function()
    local result = run [[
      local crun = require "crun"
      local function deep() error("broken") end
      crun.Process { target = function() deep() end, name = "fails" }:start()
    ]]
    assert.matches("^crun: task#%d+ 'fails' failed: script.lua:2: broken\nstack traceback:\n",
      result.err)
    assert.matches("script.lua:2: in .-\n.*\nspawned at script.lua:3\n$", result.err)
    assert.equal(1, select(2, result.err:gsub("broken", "")))
    if under_crun then assert.equal(1, result.status) end
  end)

  it("sees a child's lost task in its exit status", function()
    local result = run [[
      local crun = require "crun"
      local p = crun.Process { target = function() crun.spawn(error, "lost", 0) return "on" end }
      print(p:start():get(), p.exitcode)
    ]]
    assert.same({ 0, "on\t1\n" }, { result.status, result.out })
    assert.matches("failed: lost\n", result.err)
  end)

  it("by os.exit leaves none behind", function()
    local result = run(script "start { 'sleeper', 'spinner', 'stubborn', 'parent' } os.exit(4)")
    assert.equal(4, result.status)
    all_end(result.err)
  end)

  if under_crun then
    it("by os.exit that closes the state lets them clean up before", function()
      local result = run(script "start { 'sleeper', 'parent' } os.exit(4, true)")
      assert.same({ 4, "cleaned sleeper\n" }, { result.status, result.out })
      all_end(result.err)
    end)
  end
end)

describe("a signal", function()
  for _, case in ipairs { { "INT", 2, true }, { "TERM", 15, true }, { "TERM", 15, false } } do
    local name, number, to_group = table.unpack(case)
    it(("SIG%s to %s ends all with clean-ups, and nothing is a failure #nosan"):format(name,
      to_group and "the group" or "the program"), function()
      local popen <close>, told, path = begin "start { 'sleeper', 'spinner', 'parent' }"
      os.execute(("kill -%s %s%d"):format(name, to_group and "-" or "", popen.pid))
      local result = finish(popen, path)
      assert.matches("cleaned sleeper\n", result.stdout)
      assert.is_nil(result.stderr:find("failed", 1, true), result.stderr)
      if under_crun then assert.equal(128 + number, result.code) end
      all_end(told)
    end)
  end

  it("that kills the program ends them within about a second", function()
    local popen <close>, told, path = begin [[
      local list = start { "sleeper", "spinner", "stubborn", "parent", "sleeper" }
      os.execute("kill -STOP " .. list[5].pid)
    ]]
    os.execute("kill -KILL " .. popen.pid)
    local result = finish(popen, path)
    assert.equal(9, result.signal)
    assert.matches("cleaned sleeper\n", result.stdout)
    all_end(told)
  end)

  it("twice ends a process at once", function()
    local popen <close>, told, path = begin "start { 'stubborn' }"
    repeat -- two that come at the same time are one
      os.execute(("kill -INT -%d"):format(popen.pid))
      crun.sleep(0.02)
    until popen:poll()
    finish(popen, path)
    all_end(told)
  end)
end)

describe("the program for processes", function()
  local START = [[
    local crun = require "crun"
    local p = crun.Process { target = function() return "here" end }
    local started, message, code = p:start()
    print(message, code)
    if started then print(pcall(p.get, p)) end
  ]]

  it("is named by CRUN_PROGRAM", function()
    local result = run(START, { env = "CRUN_PROGRAM=/no/such/program" })
    assert.equal("ENOENT: CRUN_PROGRAM names /no/such/program, which is no program\tENOENT\n",
      result.out)
    result = run(START, { env = "CRUN_PROGRAM=" .. process.crun_bin:match("%S+$") })
    assert.equal("nil\tnil\ntrue\there\n", result.out)
  end)

  it("shows by its end that it is another one", function()
    local result = run(START, { env = "CRUN_PROGRAM=/bin/true" })
    assert.matches("false\tEWORKERDIED: process 'Process%-1' %(pid %d+%) exited with status 0\n$",
      result.out)
  end)

  it("is not started where descriptors are short", function()
    local result = run([[
      local crun = require "crun"
      crun.Process {}:start():join()
      local files = {}
      for file in function() return io.open("/dev/null") end do files[#files + 1] = file end
      local p = crun.Process {}
      local started, message, code = p:start()
      print(started, code, message:match("^EMFILE: ") ~= nil, p:is_alive(), p.pid)
      files[1]:close() files[2]:close() files[3]:close() files[4]:close() files[5]:close()
      files[6]:close() files[7]:close() files[8]:close() files[9]:close()
      print(p:start():get(), p.exitcode)
    ]], { limit = "-n 30" })
    assert.equal("nil\tEMFILE\ttrue\tfalse\tnil\n\t0\n", (result.out:gsub("^(.-\n)nil", "%1")))
  end)

  if not under_crun then
    it("is looked for beside the module and in PATH, and must be of this version", function()
      local folder = process.command("mktemp -d").out:gsub("\n", "")
      local module = folder .. "/lib/crun/core.so"
      local build = os.getenv "CRUN_BUILD" or "build"
      local function shell(text, ...) assert(os.execute(text:format(...))) end
      local function try(path)
        return run(START, {
          env = ("CRUN_PROGRAM= PATH=%s LUA_CPATH=%s/lib/?.so"):format(path, folder),
          interpreter = process.command("which " .. process.lua_bin).out:gsub("\n", ""),
        }).out
      end
      shell("mkdir -p %s/lib/crun %s/bin %s/other", folder, folder, folder)
      shell("cp %s/lib/crun/core.so %s", build, module)
      assert.matches("^ENOENT: no program crun %S+ to run processes with.*there is none in PATH",
        try(folder .. "/bin"))
      shell("printf '#!/bin/sh\\necho crun version 1.8.1\\n' >%s/other/crun", folder)
      shell("chmod +x %s/other/crun", folder)
      assert.matches(folder .. "/other/crun is another program; ", try(folder .. "/other"), 1, true)
      shell("ln -s $(realpath %s/crun) %s/bin/crun", build, folder)
      assert.equal("nil\tnil\ntrue\there\n", try(folder .. "/other"))
      shell("rm %s/bin/crun && ln -s $(realpath %s/crun) %s/crun", folder, build, folder)
      assert.equal("nil\tnil\ntrue\there\n", try(folder .. "/other"))
      shell("rm -r %s", folder)
    end)
  end
end)

describe("the option --worker", function()
  local program = process.crun_bin:match("%S+$")

  --- What the program says to a parent that sends these bytes; nil: it gets no socket at all.
  local function answer(bytes)
    local ours, theirs = core.socketpair()
    local reader, writer = core.pipe()
    local child = assert(core.child {
      file = program, args = { "crun", "--worker", "x" },
      fds = { [0] = "null", [2] = writer, [3] = bytes and theirs or nil },
    })
    core.close_fd(theirs)
    core.close_fd(writer)
    local port <close> = core.stream_open(ours)
    local err <close> = core.stream_open(reader)
    if bytes then port:write(bytes) port:shutdown() end
    local text = err:read("a")
    return child:wait(), text
  end

  local function greeting(version)
    return string.pack("c8 =I4 =I4 c24 =I4 =I4 =I4 =i4 c16", "crunwork", 72, 1, version, 1, 1, 504,
      crun.getpid(), ("k"):rep(16))
  end

  it("is refused to those who are no parent", function()
    local refusal = "crun: --worker is how crun starts its own worker processes\n"
    assert.same({ 1, refusal }, { answer(nil) })
    assert.same({ 1, refusal }, { answer("GET / HTTP/1.0\r\n\r\n" .. ("x"):rep(80)) })
    assert.same({ 1, refusal }, { answer("short") })
    assert.same({ 1, "" }, { answer(greeting(crun._VERSION:match("%S+$")):sub(1, 50)) })
  end)

  it("is refused to another version", function()
    local code, text = answer(greeting("99.1"))
    assert.equal(1, code)
    assert.equal(("crun: the program is %s, and cannot be a worker of crun 99.1\n")
      :format(crun._VERSION), text)
  end)

  it("needs a name, and is in no help", function()
    local result = process.command(program .. " --worker")
    assert.equal(1, result.status)
    assert.is_nil(process.command(program .. " --help").out:find("%-%-worker%s"))
  end)
end)

describe("cpu_count", function()
  it("counts the processors that the program may run on", function()
    local n = crun.cpu_count()
    assert.equal("integer", math.type(n))
    assert.equal(tonumber(process.command("nproc").out), n)
    local file = process.script "print(require('crun').cpu_count())"
    local result = process.command("taskset -c 0 " .. process.line(file))
    os.remove(file)
    assert.equal("1\n", result.out)
  end)
end)

describe("getpid", function()
  it("is the process's id", function()
    assert.equal(crun.getpid(), tonumber(files.read("/proc/self/stat"):match("^%d+")))
  end)
end)
