-- SPDX-License-Identifier: MIT
-- Commands: quoting, running, finding. Everything goes through sh or bash; Lua's own library can
-- start nothing else.

local M = {}

--- Quote a word for the shell.
---@param word string|number
---@return string
function M.quote(word)
  word = tostring(word)
  if word:find("^[%w_./:=,+-]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Quote each word and join them with spaces.
---@param words (string|number)[]
---@return string
function M.line(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = M.quote(word) end
  return table.concat(quoted, " ")
end

--- Run a command and return what it printed, without the last newline, and its exit status.
---@param command string a shell command line
---@return string output
---@return integer status 128 + n when signal n ended it
function M.capture(command)
  local pipe = assert(io.popen(command, "r"))
  local output = pipe:read("a")
  local _, how, code = pipe:close()
  if how == "signal" then code = 128 + code end
  return (output:gsub("\n$", "")), code
end

--- Whether a command succeeds.
---@param command string a shell command line
---@return boolean
function M.succeeds(command)
  local _, status = M.capture(command .. " >/dev/null 2>&1")
  return status == 0
end

--- Where a program is, or nil.
---@param program string
---@return string?
function M.which(program)
  local path, status = M.capture("command -v " .. M.quote(program) .. " 2>/dev/null")
  return status == 0 and path or nil
end

--- Wait, by sleep(1).
---@param seconds number
function M.sleep(seconds)
  M.capture("sleep " .. seconds)
end

--- A whole file, or nil when it cannot be read.
---@param path string
---@return string?
function M.contents(path)
  local file <close> = io.open(path)
  return file and file:read("a")
end

--- Whether a file can be read.
---@param path string
---@return boolean
function M.exists(path)
  local file <close> = io.open(path)
  return file ~= nil
end

--- A new temporary directory that disappears with the variable that holds it.
---@return { path: string }
function M.temporary_directory()
  local path, status = M.capture("mktemp -d -t crun-bench.XXXXXX")
  if status ~= 0 then error("cannot make a temporary directory", 0) end
  return setmetatable({ path = path }, {
    __close = function() M.capture("rm -rf " .. M.quote(path)) end,
  })
end

return M
