-- SPDX-License-Identifier: MIT
-- Measured programs: one that runs to its end, and a server with a load on it.

local machine = require "harness.machine"
local shell = require "harness.shell"

local M = {}

--- A program to be measured.
---@class bench.Program
---@field words string[] the command line
---@field environment table<string, string>? added to the environment
---@field pinned boolean whether it is given one processor only
---@field strict boolean? whether an exit status other than 0 spoils a result that was printed

--- How a run went.
---@class bench.Run
---@field metrics table<string, number>? what it printed; nil when it failed
---@field failure string? why it failed
---@field share number the part of its processor that it got, of what it could have used

local TIMEOUT = 120
-- What the kernel's count of a processor's seconds may be wrong by.
local GRAIN = 0.02
-- Raised for every program alike: 1000 connections do not fit into the usual 1024 descriptors.
local DESCRIPTORS = "ulimit -n $(ulimit -Hn)"

local function command_line(program, ...)
  local words = { "env" }
  for name, value in pairs(program.environment or {}) do
    words[#words + 1] = name .. "=" .. value
  end
  table.move(program.words, 1, #program.words, #words + 1, words)
  table.move({ ... }, 1, select("#", ...), #words + 1, words)
  local pin = program.pinned and "taskset -c 0 " or ""
  return pin .. shell.line(words)
end

local function bash(script)
  return "bash -c " .. shell.quote(script)
end

local function last_line(text)
  return text and text:match "([^\n]+)%s*$"
end

local function parse(output)
  local metrics = {}
  for line in output:gmatch "RESULT [^\n]*" do
    for name, value in line:gmatch "([%w_]+)=([%d.eE+-]+)" do metrics[name] = tonumber(value) end
  end
  return next(metrics) and metrics or nil
end

--- Run a program to its end.
---@param program bench.Program
---@param directory string for its working directory and its error output
---@param busy boolean whether the program never sleeps
---@param ... string arguments added to its command line
---@return bench.Run
function M.run(program, directory, busy, ...)
  local processor = program.pinned and 0 or nil
  local used = machine.busy(processor)
  local output, status = shell.capture(bash(([[
    %s; cd %s; TIMEFORMAT='@@ %%R %%U %%S'
    { time timeout --foreground -k 5 %d %s 2>errors; } 2>&1; echo "@@ status $?"]])
    :format(DESCRIPTORS, shell.quote(directory), TIMEOUT, command_line(program, ...))))
  used = machine.busy(processor) - used
  local wall, user, system = output:match "@@ ([%d.]+) ([%d.]+) ([%d.]+)"
  local code = tonumber(output:match "@@ status (%d+)") or status
  local metrics = parse(output)
  if not metrics or (program.strict and code ~= 0) then
    local errors = last_line(shell.contents(directory .. "/errors"))
    return { failure = ("status %d: %s"):format(code, errors or "no output"), share = 1 }
  end
  local cpu = tonumber(user) + tonumber(system)
  wall = math.max(tonumber(wall), 0.001) * (program.pinned and 1 or machine.processors())
  local others = program.pinned and busy and wall - cpu or used - cpu - GRAIN
  return { metrics = metrics, share = 1 - math.max(others, 0) / wall }
end

--- A running server, killed when the variable that holds it goes out of scope.
---@class bench.Server
---@field pid integer
---@field port integer

local function alive(pid)
  local stat = shell.contents(("/proc/%d/stat"):format(pid))
  return stat ~= nil and not stat:match "%) Z "
end

local function stop(server)
  shell.capture(("kill -s KILL -- -%d 2>&1"):format(server.pid))
  for _ = 1, 50 do
    if not alive(server.pid) then return end
    shell.sleep(0.1)
  end
  error(("server %d does not die"):format(server.pid), 0)
end

local next_port = 21000 + os.time() % 4000

-- Below the range that the kernel hands out by itself.
local function free_port()
  local taken = (shell.contents "/proc/net/tcp" or "") .. (shell.contents "/proc/net/tcp6" or "")
  repeat next_port = next_port + 1 until not taken:find((":%04X "):format(next_port), 1, true)
  return next_port
end

--- Start a server that takes the port to listen on as its last argument.
---@param program bench.Program
---@param directory string for its working directory and its error output
---@return bench.Server
function M.start_server(program, directory)
  local port = free_port()
  -- setsid makes the server a process group that can be killed whole
  local pid = shell.capture(bash(("%s; cd %s; setsid %s >/dev/null 2>errors & echo $!")
    :format(DESCRIPTORS, shell.quote(directory), command_line(program, port))))
  return setmetatable({ pid = math.tointeger(tonumber(pid)), port = port }, { __close = stop })
end

--- Put a load on a server. The metrics are those the generator prints, and us_cpu: microseconds of
--- the server's processor time per echo.
---@param server bench.Server
---@param generator string path of the load generator
---@param directory string where the server's error output is
---@param connections integer
---@param seconds number
---@return bench.Run
function M.load(server, generator, directory, connections, seconds)
  local pin = machine.processors() > 1 and "taskset -c 1 " or ""
  local words = shell.line { generator, server.port, connections, seconds }
  local script = ("%s; timeout --foreground 60 %s%s 2>&1"):format(DESCRIPTORS, pin, words)
  local cpu = machine.process_cpu(server.pid)
  local output, status = shell.capture(bash(script))
  cpu = machine.process_cpu(server.pid) - cpu
  if status ~= 0 then
    local errors = last_line(shell.contents(directory .. "/errors"))
    return { failure = ("%s %s"):format(last_line(output) or status, errors or ""), share = 1 }
  end
  local metrics = parse("RESULT " .. output)
  metrics.us_cpu = cpu * 1e6 / metrics.total
  return { metrics = metrics, share = metrics.rps * metrics.us_cpu / 1e6 }
end

return M
