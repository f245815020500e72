-- SPDX-License-Identifier: MIT

--- Runs `crun --workers` and follows what its master says on stderr.
local crun = require "crun"
local process = require "spec.support.process"

local M = {}

--- Seconds for whatever is awaited; only what fails takes so long.
local PATIENCE = tonumber(os.getenv("CRUN_CHILD_TIMEOUT") or 20)

local Master = {}
Master.__index = Master

--- A server that answers "who" with its pid, its id and the first argument; "begin" and "end" make
--- one long request; "cry" fails; "exit n" ends the worker. The word "closed" on stdout tells of a
--- connection's clean-up.
M.SERVER = [[
local crun = require "crun"
local word = ...
local answers = {
  who = function() return ("%d %d %s"):format(crun.getpid(), crun.worker_id, word) end,
  begin = function() return "begun" end,
  draining = function()
    crun.draining:wait()
    return "draining"
  end,
  compute = function() while true do end end,
}
crun.net.serve("127.0.0.1", 0, function(conn)
  local _ <close> = setmetatable({}, { __close = function(_, err)
    print("closed " .. (err and err.reason or "well"))
    io.stdout:flush()
  end })
  for line in conn:lines() do
    local code = line:match("^exit (%d+)")
    if code then os.exit(tonumber(code)) end
    conn:write((answers[line] or function() return "? " .. line end)(), "\n")
  end
end)
]]

local function read_lines(self, stream, lines)
  for line in stream:lines() do
    lines[#lines + 1] = line
    self.more:put(true)
  end
end

--- Starts it with the options, one string each, of which the last is the text of a script, or with
--- `path` that of a file, and what stands in `arguments`.
function M.start(options)
  local path = options.path or process.script(options.script or M.SERVER)
  local command = {}
  for word in process.crun_bin:gmatch("%S+") do command[#command + 1] = word end
  command[#command + 1] = "--workers=" .. (options.workers or 2)
  for _, option in ipairs(options) do command[#command + 1] = option end
  command[#command + 1] = path
  for _, argument in ipairs(options.arguments or {}) do command[#command + 1] = argument end
  command.stdin, command.stdout, command.stderr = "null", "pipe", "pipe"
  local self = setmetatable({
    popen = assert(crun.subprocess.Popen(command)),
    log = {}, out = {}, seen = 0, more = crun.Queue(), path = not options.path and path,
  }, Master)
  self.pid = self.popen.pid
  self.readers = {
    crun.spawn(read_lines, self, self.popen.stderr, self.log),
    crun.spawn(read_lines, self, self.popen.stdout, self.out),
  }
  return self
end

local function find(lines, pattern, from)
  for i = from, #lines do
    local found = table.pack(lines[i]:match(pattern))
    if found[1] then return i, found end
  end
end

--- Waits for the next line that matches, after the last one that was awaited; returns captures.
function Master:expect(pattern, lines)
  local of_log = lines == nil
  lines = lines or self.log
  local deadline = crun.now() + PATIENCE
  while true do
    local at, found = find(lines, pattern, of_log and self.seen + 1 or 1)
    if at then
      self.seen = of_log and at or self.seen
      return table.unpack(found, 1, found.n)
    end
    if not self.more:get(math.max(0, deadline - crun.now())) then
      error(("no line matches '%s' in:\n%s"):format(pattern, table.concat(lines, "\n")), 2)
    end
  end
end

--- Waits until n workers have said that they are ready; returns their pids by id.
function Master:ready(n)
  local pids = {}
  for _ = 1, n do
    local id, pid = self:expect "worker (%d+) is ready, pid (%d+)"
    pids[tonumber(id)] = tonumber(pid)
  end
  return pids
end

--- Waits until it listens; the port.
function Master:listens()
  self.port = tonumber((self:expect "listening on 127.0.0.1 port (%d+)"))
  return self.port
end

--- Waits until it listens and n workers are ready.
function Master:serves(n)
  self:listens()
  return self:ready(n)
end

function Master:connect()
  return crun.net.connect("127.0.0.1", self.port, { timeout = PATIENCE })
end

--- One request on a connection of its own; the answer, or nil, message, code.
function Master:ask(request)
  local conn <close>, message, code = self:connect()
  if not conn then return nil, message, code end
  conn:write(request, "\n")
  return conn:read("l", PATIENCE)
end

function Master:signal(number) return self.popen:send_signal(number) end

--- Waits for its end; the exit code.
function Master:wait()
  local code, message = self.popen:wait(PATIENCE)
  if not code then error(message .. ":\n" .. table.concat(self.log, "\n"), 2) end
  for _, reader in ipairs(self.readers) do reader:join() end
  return code
end

--- Asks for the end and waits for it; the exit code.
function Master:stop()
  self:signal("SIGTERM")
  return self:wait()
end

function Master:__close()
  self.popen:kill()
  self.popen:wait()
  for _, reader in ipairs(self.readers) do reader:join() end
  self.popen:close()
  if self.path then os.remove(self.path) end
end

--- Sends a signal to any process.
function M.signal(pid, name)
  assert(crun.subprocess.run { "kill", "-s", name, tostring(pid) }.code == 0)
end

return M
