-- SPDX-License-Identifier: MIT
-- What the machine is, and how much of its processors is in use.

local shell = require "harness.shell"

local M = {}

local ticks = tonumber((shell.capture "getconf CLK_TCK"))

--- Seconds that one processor, or all of them, have been in use since boot, by anyone: other guests
--- of the host (steal) included.
---@param cpu integer? nil for all processors together
---@return number seconds
function M.busy(cpu)
  local stat = assert(shell.contents "/proc/stat")
  local line = assert(stat:match("cpu" .. (cpu or "") .. " +([^\n]*)"), "no such processor")
  local field = {}
  for number in line:gmatch("%d+") do field[#field + 1] = tonumber(number) end
  local user, nice, system = field[1], field[2], field[3]
  local irq, softirq, steal = field[6], field[7], field[8]
  return (user + nice + system + irq + softirq + steal) / ticks
end

--- Wait for half a second in which the processors do next to nothing, at most a given time.
---@param patience number seconds
---@return boolean quiet
function M.wait_for_quiet(patience)
  for _ = 1, math.ceil(patience / 0.5) do
    local before = M.busy()
    shell.sleep(0.5)
    if M.busy() - before < 0.05 then return true end
  end
  return false
end

--- How many processors this process may use.
---@return integer
function M.processors()
  return math.tointeger(tonumber((shell.capture "nproc"))) or 1
end

--- Processor seconds that the threads of a process have used, to the nanosecond.
---@param pid integer
---@return number seconds
function M.process_cpu(pid)
  local total = 0
  local files = shell.capture(("cat /proc/%d/task/*/schedstat 2>/dev/null"):format(pid))
  for nanoseconds in (files .. "\n"):gmatch "(%d+) [^\n]*\n" do
    total = total + tonumber(nanoseconds)
  end
  return total / 1e9
end

local versions = {
  { "lua", "lua5.4 -v" }, { "go", "go version" }, { "luajit", "luajit -v" },
  { "node", "node --version" },
  { "tarantool", "tarantool --version | head -n 1" }, { "cc", "cc --version | head -n 1" },
  { "libuv", "pkg-config --modversion libuv" }, { "python3", "/usr/bin/python3 --version" },
  { "gevent", "/usr/bin/python3 -P -c 'import gevent; print(gevent.__version__)'" },
}

--- The machine and what runs on it.
---@class bench.Machine
---@field cpu string
---@field processors integer
---@field kernel string
---@field date string ISO 8601, UTC
---@field versions table<string, string>

--- Describe this machine.
---@return bench.Machine
function M.describe()
  local info = shell.contents "/proc/cpuinfo" or ""
  local found = {}
  for _, entry in ipairs(versions) do
    local name, command = entry[1], entry[2]
    local text, status = shell.capture(("{ %s; } 2>&1"):format(command))
    if status == 0 and not text:find "not found" then found[name] = text:match "[^\n]*" end
  end
  return {
    cpu = info:match "model name%s*:%s*([^\n]*)" or shell.capture "uname -m",
    processors = M.processors(),
    kernel = (shell.capture "uname -sr"),
    date = os.date "!%Y-%m-%dT%H:%M:%SZ",
    versions = found,
  }
end

return M
