-- SPDX-License-Identifier: MIT

-- `crun --workers`: real processes, followed by what they say.

local crun = require "crun"
local files = require "spec.support.files"
local prefork = require "spec.support.prefork"
local process = require "spec.support.process"
local support = require "spec.support"

--- Asks "who" until every one of the workers has answered; the pids by id.
local function meet(master, n)
  local pids, met = {}, 0
  for _ = 1, 1000 do
    local pid, id = assert(master:ask("who")):match("^(%d+) (%d+)")
    id = tonumber(id)
    if not pids[id] then met = met + 1 end
    pids[id] = tonumber(pid)
    if met == n then return pids end
    local held <close> = master:connect() -- keeps one worker a little busier
    held:write("who\n")
    held:read("l")
  end
  error("not every worker answers")
end

--- A connection in the middle of a request: whoever answers has begun.
local function begin_request(master)
  local conn = assert(master:connect())
  conn:write("begin\n")
  assert.equal("begun", conn:read("l", 20))
  return conn
end

local function finish_request(conn)
  conn:write("end\n")
  local answer = conn:read("l", 20)
  conn:close()
  return answer
end

describe("crun --workers", function()
  it("runs the script in so many processes that share its socket", function()
    local master <close> = prefork.start { workers = 3, arguments = { "hello" } }
    local pids = master:serves(3)
    assert.same(pids, meet(master, 3))
    assert.equal("hello", master:ask("who"):match("(%a+)$"))
    for _, pid in pairs(pids) do assert.not_equal(master.pid, pid) end
    assert.equal(0, master:stop())
  end)

  it("tells them who they are, and what their options are", function()
    local master <close> = prefork.start {
      workers = 1, "-W", "-e", "early = 1", "--grace", "7",
      script = [[
        local list = {}
        for i = -9, #arg do if arg[i] then list[#list + 1] = arg[i] end end
        local crun = require "crun"
        print(early, crun.worker_id, os.getenv("CRUN_WORKER_ID"), ...)
        print(crun.current_process().name, crun.current_process().main)
        print(table.concat(list, " ", 2))
        io.stdout:flush()
        crun.sleep(60)
      ]], arguments = { "a", "--workers=9" },
    }
    assert.equal("1\t1\t1\ta\t--workers=9", master:expect("(.*%-%-workers=9)$", master.out))
    assert.equal("worker 1\tfalse", master:expect("^(worker 1\t.*)", master.out))
    assert.equal("--prefork=1 -W -e early = 1 " .. master.path .. " a --workers=9",
      master:expect("^(%-%-prefork.*)", master.out))
    assert.equal(0, master:stop())
  end)

  it("auto starts one for each processor", function()
    local master <close> = prefork.start { workers = "auto" }
    local n = tonumber((master:expect("(%d+) workers of")))
    assert.equal(crun.cpu_count(), n)
    assert.equal(0, master:stop())
  end)

  it("replaces a worker that dies, and refuses nobody meanwhile", function()
    local master <close> = prefork.start { workers = 1 }
    local pid = master:serves(1)[1]
    prefork.signal(pid, "KILL")
    assert.matches("^%d+ 1 ", master:ask("who"))
    assert.equal(pid, tonumber((master:expect("pid (%d+)%) was killed by signal 9 %(SIGKILL%)"))))
    assert.is_nil(master:ask("exit 7"))
    master:expect("exited with status 7; another one starts in")
    assert.matches("^%d+ 1 ", master:ask("who"))
    assert.equal(0, master:stop())
  end)

  it("gives every request for port 0 of a worker a port of its own", function()
    local master <close> = prefork.start { workers = 2, script = [[
      local crun = require "crun"
      local a = assert(crun.net.listen("127.0.0.1", 0))
      local b = assert(crun.net.listen("127.0.0.1", 0))
      print(crun.worker_id, select(2, a:sockname()), select(2, b:sockname()))
      io.stdout:flush()
      a:accept()
    ]] }
    local one, two = master:expect("^1\t(%d+)\t(%d+)", master.out)
    local first, second = master:expect("^2\t(%d+)\t(%d+)", master.out)
    assert.same({ one, two }, { first, second })
    assert.not_equal(one, two)
    assert.equal(0, master:stop())
  end)

  it("takes a port for the same in whatever way it is written", function()
    local taken = assert(crun.net.listen("127.0.0.1", 0))
    local _, port = taken:sockname()
    taken:close()
    local master <close> = prefork.start { workers = 1, arguments = { tostring(port) }, script = [[
      local crun = require "crun"
      local text = ...
      for _, port in ipairs { text, tonumber(text), tonumber(text) + 0.0 } do
        print("port", select(2, assert(crun.net.listen("127.0.0.1", port)):sockname()))
      end
      print("done")
      io.stdout:flush()
      crun.sleep(60)
    ]] }
    master:expect("^done", master.out)
    assert.equal(("port\t%d\n"):format(port):rep(3) .. "done", table.concat(master.out, "\n"))
    assert.equal(0, master:stop())
  end)

  it("tells a worker of failures, and raises misuse where it was", function()
    local taken <close> = assert(crun.net.listen("127.0.0.1", 0))
    local _, port = taken:sockname()
    local master <close> = prefork.start { workers = 1, arguments = { tostring(port) }, script = [[
      local crun = require "crun"
      local port = math.tointeger(tonumber(...))
      print("code", select(3, crun.net.listen("127.0.0.1", port)))
      print("raised", select(2, pcall(crun.net.listen, "127.0.0.1", port, { backlog = 0 })))
      print("raised", select(2, pcall(function() crun.net.listen({}, port) end)))
      print("raised", select(2, pcall(function() crun.net.listen("::1", 99999) end)))
      local function serve() crun.net.serve("::1", port, print, { x = 1 }) end
      print("raised", select(2, pcall(serve)))
      print("timeout", select(3, crun.with_timeout(0, crun.net.listen, "127.0.0.1", 0)))
      print("done")
      io.stdout:flush()
      crun.sleep(60)
    ]] }
    master:expect("^done", master.out)
    local text = table.concat(master.out, "\n"):gsub(master.path:gsub("%p", "%%%0"), "FILE")
    assert.equal(table.concat({
      "code\tEADDRINUSE",
      "raised\tbad argument #3 to 'listen' "
        .. "(option 'backlog': a number of connections >= 1 expected, got number)",
      "raised\tFILE:5: bad argument #1 to 'listen' (string expected, got table)",
      "raised\tFILE:6: bad argument #2 to 'listen' (a port from 0 to 65535 expected)",
      "raised\tFILE:7: bad argument #4 to 'serve' (unknown option 'x')",
      "timeout\tETIMEDOUT",
      "done",
    }, "\n"), text)
    assert.equal(0, master:stop())
  end)
end)

describe("the end of crun --workers", function()
  for _, name in ipairs { "SIGTERM", "SIGINT" } do
    it("by " .. name .. " lets requests come to their end", function()
      local master <close> = prefork.start { workers = 2 }
      master:serves(2)
      local conns = {}
      for i = 1, 8 do conns[i] = begin_request(master) end
      master:signal(name)
      master:expect(name .. "; the workers end")
      for i = 1, 8 do assert.equal("? end", finish_request(conns[i])) end
      assert.equal(0, master:wait())
      for _, line in ipairs(master.out) do assert.equal("closed well", line) end
    end)
  end

  it("cancels what takes longer than the grace; clean-ups run", function()
    local master <close> = prefork.start { "--grace=0.1", workers = 1 }
    master:serves(1)
    local conn <close> = begin_request(master)
    assert.equal(0, master:stop())
    assert.same({ "closed SIGTERM" }, master.out)
    assert.is_nil(conn:read("l"))
    master.seen = 0
    master:expect("worker 1 .* exited with status 0")
  end)

  it("is told to handlers by crun.draining", function()
    local master <close> = prefork.start { workers = 1 }
    master:serves(1)
    local conn <close> = begin_request(master)
    conn:write("draining\n")
    master:signal("SIGTERM")
    assert.equal("draining", conn:read("l", 20))
    conn:close()
    assert.equal(0, master:wait())
  end)

  it("comes in order to accept loops and to what runs besides", function()
    local master <close> = prefork.start { workers = 1, script = [[
      local crun = require "crun"
      local function word(name)
        return setmetatable({}, { __close = function(_, err)
          print(name, err and tostring(err.reason or err))
          io.stdout:flush()
        end })
      end
      crun.spawn(function()
        local _ <close> = word "ticker"
        while true do crun.sleep(1) end
      end)
      local db <close> = word "database"
      local listener <close> = assert(crun.net.listen("127.0.0.1", 0))
      while true do
        local conn = assert(listener:accept())
        crun.spawn(function()
          local _ <close> = word "connection"
          for line in conn:lines() do conn:write(line, "\n") end
          conn:close()
        end)
      end
    ]] }
    master:serves(1)
    local conn = assert(master:connect())
    conn:write("1\n")
    assert.equal("1", conn:read("l", 20))
    master:signal("SIGTERM")
    master:expect("SIGTERM; the workers end")
    conn:write("2\n")
    assert.equal("2", conn:read("l", 20))
    conn:close()
    assert.equal(0, master:wait())
    assert.equal("connection\tnil", master.out[1])
    table.sort(master.out)
    assert.same({
      "connection\tnil", "database\tcancelled: SIGTERM", "ticker\tSIGTERM",
    }, master.out)
  end)

  it("by a second signal is at once", function()
    local master <close> = prefork.start { workers = 2 }
    master:serves(2)
    local conn <close> = begin_request(master)
    conn:write("draining\n")
    master:signal("SIGTERM")
    assert.equal("draining", conn:read("l", 20))
    master:signal("SIGTERM")
    assert.equal(143, master:wait())
    assert.is_nil(conn:read("l", 20))
  end)

  it("comes to the workers when the master is killed; requests come to their end", function()
    local master <close> = prefork.start { workers = 2 }
    master:serves(2)
    local conn = begin_request(master)
    master:signal("SIGKILL")
    assert.equal(-9, (master.popen:wait(20)))
    assert.equal("? end", finish_request(conn))
    master:wait()
  end)

  it("comes to a worker that is told by SIGTERM itself; it is replaced", function()
    local master <close> = prefork.start { workers = 1 }
    local pid = master:serves(1)[1]
    local conn = begin_request(master)
    prefork.signal(pid, "TERM")
    assert.equal("? end", finish_request(conn))
    master:expect("exited with status 0; another one starts in")
    assert.not_equal(pid, master:ready(1)[1])
    assert.equal(0, master:stop())
  end)

  it("is status 1 when no worker can start, with what they said", function()
    for text, why in pairs {
      ["error('broken')"] = "exited with status 1",
      ["os.exit(3)"] = "exited with status 3",
      [""] = "exited with status 0",
      [")"] = "exited with status 1",
      [ [[local crun = require "crun"
          crun.net.listen("127.0.0.1", 0)
          error("after listening")]] ] = "exited with status 1",
    } do
      local master <close> = prefork.start { workers = 2, script = text }
      assert.equal(1, master:wait())
      master:expect("no worker of .* could start: each " .. why)
    end
  end)
end)

describe("a reload of crun --workers", function()
  --- Starts a server whose script is a file that a test changes.
  local function versions(workers)
    local path = process.script(prefork.SERVER)
    local function write(text)
      local file = assert(io.open(path, "w"))
      file:write(text)
      file:close()
    end
    local function version(n) write((prefork.SERVER:gsub("= %.%.%.", "= " .. n))) end
    version(1)
    local master = prefork.start { path = path, workers = workers }
    master.path = path
    return master, version, write
  end

  it("serves the new code, and ends the old workers in order", function()
    local master <close>, version = versions(2)
    local old = master:serves(2)
    assert.equal("1", master:ask("who"):match("%S+$"))
    local conn = begin_request(master)
    version(2)
    master:signal("SIGHUP")
    local new = master:ready(2)
    master:expect "the reload is done"
    for id in pairs(new) do assert.not_equal(old[id], new[id]) end
    conn:write("who\n")
    assert.equal("1", conn:read("l", 20):match("%S+$"))
    conn:close()
    for _ = 1, 2 do master:expect "exited with status 0" end
    for _ = 1, 20 do assert.equal("2", master:ask("who"):match("%S+$")) end
    assert.equal(0, master:stop())
  end)

  it("that fails changes nothing", function()
    local master <close>, version, write = versions(2)
    local old = master:serves(2)
    write("error('broken')")
    master:signal("SIGHUP")
    master:expect "the reload has failed"
    assert.same(old, meet(master, 2))
    version(3)
    master:signal("SIGHUP")
    for _ = 1, 2 do master:expect "exited with status 0" end
    assert.equal("3", master:ask("who"):match("%S+$"))
    assert.equal(0, master:stop())
  end)

  it("keeps the sockets, and drops those that nobody asks for any more", function()
    local master <close>, version, write = versions(1)
    master:serves(1)
    local port = master.port
    local server = files.read(master.path)
    write((server:gsub('local word = 1', 'assert(crun.net.listen("127.0.0.2", 0))\n%0')))
    master:signal("SIGHUP")
    local second = tonumber((master:expect "listening on 127.0.0.2 port (%d+)"))
    master:expect "the reload is done"
    local conn = assert(crun.net.connect("127.0.0.2", second))
    conn:close()
    version(3)
    master:signal("SIGHUP")
    master:expect("no longer listening on 127.0.0.2 port " .. second)
    assert.equal("ECONNREFUSED", select(3, crun.net.connect("127.0.0.2", second)))
    assert.equal(port, master.port)
    assert.equal("3", master:ask("who"):match("%S+$"))
    assert.equal(0, master:stop())
  end)

  it("may come while another one is on its way", function()
    local master <close> = prefork.start { workers = 2 }
    master:serves(2)
    for _ = 1, 5 do master:signal("SIGHUP") end
    master:expect "the reload is done"
    master:signal("SIGHUP")
    master:expect "SIGHUP: 2 new workers"
    master:signal("SIGTERM")
    assert.equal(0, master:wait())
  end)
end)

describe("the number of workers", function()
  it("grows by SIGTTIN and shrinks by SIGTTOU", function()
    local master <close> = prefork.start { workers = 1 }
    local pids = master:serves(1)
    master:signal("SIGTTIN")
    pids[2] = master:ready(1)[2]
    assert.same(pids, meet(master, 2))
    master:signal("SIGTTOU")
    master:expect "worker 2 .* exited with status 0"
    assert.same({ pids[1] }, meet(master, 1))
    master:signal("SIGTTOU")
    master:expect "the last worker stays"
    assert.equal(0, master:stop())
  end)
end)

describe("under load", function()
  --- Clients that ask, each request on a connection of its own, until told to stop.
  local function load(master, clients)
    local self = { answered = 0, refused = 0, cut = 0, going = true, first = crun.Event() }
    local function ask_on()
      while self.going do
        local conn, message = master:connect()
        if not conn then
          self.refused, self.message = self.refused + 1, message
        else
          conn:write("who\n")
          local what = conn:read("l", 20) and "answered" or "cut"
          self[what] = self[what] + 1
          conn:close()
        end
        self.first:set()
      end
    end
    self.tasks = {}
    for i = 1, clients do self.tasks[i] = crun.spawn(ask_on) end
    function self.stop()
      self.going = false
      crun.joinall(self.tasks)
    end
    return self
  end

  local CLIENTS = 8

  it("reloads cut and refuse nothing", function()
    local master <close> = prefork.start { workers = 2 }
    master:serves(2)
    local clients = load(master, CLIENTS)
    for _ = 1, support.scaled(8) do
      master:signal("SIGHUP")
      master:expect "the reload is done"
    end
    clients.stop()
    assert.same({ 0, 0 }, { clients.refused, clients.cut }, clients.message)
    assert.is_true(clients.answered > CLIENTS)
    assert.equal(0, master:stop())
  end)

  it("workers that are killed cut what they were at, and nothing is refused", function()
    local master <close> = prefork.start { workers = 2 }
    local pids = master:serves(2)
    local clients = load(master, CLIENTS)
    local kills = support.scaled(10)
    for i = 1, kills do
      local id = i % 2 + 1
      prefork.signal(pids[id], "KILL")
      master:expect("worker " .. id .. " .*was killed by signal 9")
      pids[id] = tonumber((master:expect("worker " .. id .. " is ready, pid (%d+)")))
      if i % 4 == 0 then
        master:signal("SIGHUP")
        pids = master:ready(2)
        master:expect "the reload is done"
      end
    end
    clients.stop()
    assert.equal(0, clients.refused, clients.message)
    assert.is_true(clients.cut <= kills * CLIENTS, clients.cut .. " cut")
    assert.is_true(clients.answered > CLIENTS)
    assert.equal(0, master:stop())
  end)
end)

describe("the options of crun --workers", function()
  local function refused(words, arguments)
    local result = process.command(process.crun_bin .. " " .. arguments)
    assert.equal(1, result.status, arguments)
    assert.is_truthy(result.err:find(words, 1, true), result.err)
  end

  it("are refused where they make no sense", function()
    refused("'--workers=0' needs a number of processes, or 'auto'", "--workers=0 x.lua")
    refused("'--workers' needs a number of processes, or 'auto'", "--workers x.lua")
    refused("'--workers' needs a number of processes, or 'auto'", "--workers")
    refused("'--grace' needs a number of seconds", "--workers 2 --grace x.lua")
    refused("'--workers' needs a script that is a file", "--workers 2")
    refused("'--workers' needs a script that is a file", "--workers 2 -")
    refused("'--workers' needs a script that is a file", "--workers 2 -i x.lua")
    refused("--worker is how crun starts its own", "--prefork=1 x.lua </dev/null 3</dev/null")
  end)

  it("are on the help page", function()
    local help = process.command(process.crun_bin .. " --help").out
    assert.is_truthy(help:find("--workers n", 1, true))
    assert.is_truthy(help:find("--grace s", 1, true))
    assert.is_nil(help:find("prefork", 1, true))
  end)

  it("crun.worker_id and crun.draining are there in every program", function()
    assert.is_nil(crun.worker_id)
    assert.is_false(crun.draining:is_set())
  end)
end)
