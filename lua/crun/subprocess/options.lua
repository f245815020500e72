-- SPDX-License-Identifier: MIT
--
-- What run, Popen and pipeline are given, checked, and turned into what crun.core.child wants.
-- Misuse is raised at the line of the script.

local blame = require "crun.link.blame"
local core = require "crun.core"

local M = {}

---How many bytes are captured of one output before the child is taken for one gone mad.
M.MAX_OUTPUT = 256 * 1024 * 1024

local EACH = {
  args = "list", cwd = "text", env = "table", executable = "text", fds = "table",
  process_group = "boolean", shell = "boolean", start_new_session = "boolean",
  stderr = "source", stdin = "source", stdout = "source",
}

---What Popen, run and pipeline accept; the values say of what kind it must be.
M.popen = EACH
M.run = setmetatable({
  capture_output = "boolean", check = "boolean", input = "string", max_output = "bytes",
  timeout = "seconds",
}, { __index = EACH })
M.stage = {
  cwd = "text", env = "table", executable = "text", shell = "boolean", stderr = "source",
}
M.pipeline = {
  capture_output = "boolean", check = "boolean", cwd = "text", env = "table", input = "string",
  max_output = "bytes", stderr = "source", stdin = "source", stdout = "source", timeout = "seconds",
}

---The highest number that a descriptor may have.
local MOST_FD = 0x7fffffff

local WORDS = { inherit = true, null = true, pipe = true }

---Whether it can stand behind a descriptor of the child: a word apart.
local function is_source(value)
  local kind = type(value)
  return WORDS[value] or math.type(value) == "integer" and value >= 0 and value <= MOST_FD
    or kind == "userdata" and (io.type(value) == "file"
      or getmetatable(value) == "crun.Stream" and not value:closed())
end

local SOURCE = "\"pipe\", \"inherit\", \"null\", a descriptor, an open Stream or file expected"

local kinds = {
  boolean = function(value) return type(value) == "boolean", "boolean expected" end,
  bytes = function(value)
    return math.type(value) == "integer" and value >= 0 and value < math.maxinteger,
      "a number of bytes >= 0 expected"
  end,
  list = function() return false, "the program and its arguments stand in the table itself" end,
  seconds = function(value)
    return type(value) == "number" and value == value, "seconds expected"
  end,
  source = function(value, key)
    return is_source(value) or key == "stderr" and value == "stdout", SOURCE
  end,
  string = function(value) return type(value) == "string", "string expected" end,
  table = function(value) return type(value) == "table", "table expected" end,
  text = function(value)
    return type(value) == "string" and not value:find("\0", 1, true),
      "string without zero bytes expected"
  end,
}

local function show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

---Raises what is wrong with the table that the function of that name was called with.
---@param name string
---@param text string
---@param ... any for text's format
function M.refuse(name, text, ...)
  blame(("bad argument #1 to '%s' (%s)"):format(name, text:format(...)))
end
local refuse = M.refuse

---Raises unless each option is known and of its kind. The command is looked at later.
---Switches: never.
---@param options any
---@param known table<string, string>
---@param name string the function's that has been called
function M.check(options, known, name)
  if type(options) ~= "table" then refuse(name, "table expected, got %s", type(options)) end
  for key, value in pairs(options) do
    local kind = known[key]
    if kind then
      local ok, expected = kinds[kind](value, key)
      if not ok then refuse(name, "option '%s': %s, got %s", key, expected, show(value)) end
    elseif math.type(key) ~= "integer" then
      refuse(name, "unknown option '%s'", tostring(key))
    end
  end
end

---How many positions a list has, if it is one without holes.
---@param options table
---@return integer
function M.count(options)
  local count = 0
  for key in pairs(options) do
    if math.type(key) == "integer" then count = count + 1 end
  end
  return count
end

---The positional part. Raises for holes, and for what is no word of a command line.
local function words(options, name)
  local count, list = M.count(options), {}
  for i = 1, count do
    local value = options[i]
    if type(value) ~= "string" and type(value) ~= "number" then
      refuse(name, "string %d of the command: string expected, got %s", i, type(value))
    end
    list[i] = tostring(value)
    if list[i]:find("\0", 1, true) then
      refuse(name, "string %d of the command has a zero byte", i)
    end
  end
  if count == 0 then refuse(name, "a program expected, got nothing") end
  return list
end

local function environment(env, name)
  if not env then return nil end
  local list = {}
  for key, value in pairs(env) do
    local text = (type(value) == "string" or type(value) == "number") and tostring(value)
    if type(key) ~= "string" or key == "" or key:find "[=%z]" then
      refuse(name, "option 'env': bad name %s", show(key))
    elseif not text or text:find("\0", 1, true) then
      refuse(name, "option 'env': bad value of %s: %s", key, show(value))
    end
    list[#list + 1] = key .. "=" .. text
  end
  return list
end

---Whether the child may have a process group of its own: one that reads the terminal must be in the
---terminal's, which is ours.
local function own_group(options)
  if options.process_group ~= nil then return options.process_group end
  local stdin = options.stdin
  return not (stdin == nil or stdin == "inherit") or options.input ~= nil or not core.is_terminal(0)
end

---@class crun.subprocess.Spec
---@field words string[] the command, for people
---@field child table for crun.core.child, without descriptors
---@field fds table<integer, any> by the child's descriptors, "pipe" and "stdout" among them
---@field group boolean
---@field max_output integer

---What is to be started, of options whose kinds have been checked.
---Switches: never.
---@param options table
---@param name string the function's that has been called
---@return crun.subprocess.Spec
function M.process(options, name)
  local list = words(options, name)
  local child = {
    file = options.executable or list[1], args = list, cwd = options.cwd,
    env = environment(options.env, name), session = options.start_new_session,
  }
  if options.shell then
    child.file = options.executable or "/bin/sh"
    child.args = { "sh", "-c", list[1], "sh", table.unpack(list, 2) }
  end
  local fds = {}
  for target, source in pairs(options.fds or {}) do
    if math.type(target) ~= "integer" or target < 3 or target > 255 or not is_source(source)
      or source == "pipe" then
      refuse(name, "option 'fds': %s = %s is not a descriptor from 3 to 255 and its source",
        show(target), show(source))
    end
    fds[target] = source
  end
  fds[0], fds[1], fds[2] = options.stdin, options.stdout, options.stderr
  child.group = own_group(options)
  return {
    words = list, child = child, fds = fds, max_output = options.max_output or M.MAX_OUTPUT,
    group = child.group or options.start_new_session or false,
  }
end

---Checks the options of run or pipeline, and resolves what stands for several.
---Switches: never.
---@param options table
---@param known table<string, string>
---@param name string
---@return table resolved a copy
function M.resolve(options, known, name)
  M.check(options, known, name)
  local copy = {}
  for key, value in pairs(options) do copy[key] = value end
  local function exclude(key, other)
    if copy[key] ~= nil then refuse(name, "option '%s' does not go with '%s'", key, other) end
  end
  if copy.input ~= nil then
    exclude("stdin", "input")
    copy.stdin = "pipe"
  elseif copy.stdin == "pipe" then
    refuse(name, "option 'stdin': nobody would write to the pipe; see 'input'")
  end
  if copy.capture_output then
    exclude("stdout", "capture_output")
    exclude("stderr", "capture_output")
    copy.stdout, copy.stderr = "pipe", "pipe"
  end
  return copy
end

return M
