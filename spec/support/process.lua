-- SPDX-License-Identifier: MIT

--- Runs scripts in a child of the interpreter under test and captures what they do.
---
--- `CRUN_BIN` names the crun program (default build/crun), `LUA_BIN` the stock interpreter (default
--- lua5.4); either may carry a wrapper, such as "valgrind -q build/crun". A child runs under the
--- same kind of interpreter as the suite.
local checkout = require "spec.support.files"

local M = {}

local function own_program()
  local lowest = 0
  while arg and arg[lowest - 1] do
    lowest = lowest - 1
  end
  return arg and arg[lowest] or "lua5.4"
end

local own = own_program()

M.crun_bin = os.getenv("CRUN_BIN") or "build/crun"
M.lua_bin = os.getenv("LUA_BIN") or "lua5.4"

--- True when the suite runs under the `crun` program, false under a stock interpreter.
M.under_crun = own:match("[^/]*$"):find("crun", 1, true) ~= nil
M.interpreter = M.under_crun and M.crun_bin or M.lua_bin

--- False in the flavours that need most of the address space for themselves, and catch what
--- touches a guard page.
M.has_own_stacks = not (os.getenv("CRUN_BUILD") or ""):find("/[atv]%l+$")

local function quote(text)
  return "'" .. tostring(text):gsub("'", [['\'']]) .. "'"
end
M.quote = quote

local function read_and_remove(path)
  local text = checkout.read(path)
  os.remove(path)
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function module_path()
  local home = os.getenv("PWD") or "."
  local lua = ("%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;;"):format(home, home, home)
  local c = (os.getenv("CRUN_BUILD") or home .. "/build") .. "/lib/?.so;" .. package.cpath
  return ("-u LUA_PATH_5_4 -u LUA_CPATH_5_4 LUA_PATH=%s LUA_CPATH=%s"):format(quote(lua), quote(c))
end

--- A scratch file with the given text; the caller removes it.
function M.script(text)
  local path = os.tmpname()
  write(path, text)
  return path
end

--- Without what valgrind says of calls of the system that it does not know.
local function own_words(err)
  return (err:gsub("%-%-%d+%-%- [^\n]*\n", ""))
end

local function finish(files, ok, how, code)
  local result = {
    out = read_and_remove(files.out),
    err = own_words(read_and_remove(files.err)),
    status = how == "signal" and 128 + code or code,
    ok = ok == true,
  }
  if result.status == 127 then
    error("cannot run the interpreter under test: " .. result.err, 3)
  end
  return result
end

--- Runs a shell command. `options`: `timeout` in seconds (default 20; status 124 when it is hit),
--- `stdin` text, `limit` arguments for ulimit such as "-v 500000".
--- @return table with `out`, `err`, `status` (128 + n when killed by signal n) and `ok`
function M.command(command, options)
  options = options or {}
  local files = { out = os.tmpname(), err = os.tmpname(), stdin = os.tmpname() }
  write(files.stdin, options.stdin or "")
  local line = ("%stimeout -k 2 %g sh -c %s <%s >%s 2>%s"):format(
    options.limit and ("ulimit " .. options.limit .. "; ") or "",
    options.timeout or tonumber(os.getenv("CRUN_CHILD_TIMEOUT") or 20),
    quote("exec " .. command), files.stdin, files.out, files.err)
  local ok, how, code = os.execute(line)
  os.remove(files.stdin)
  return finish(files, ok, how, code)
end

--- What a shell runs a file by; `arguments` is one string, passed to the shell as it is.
function M.line(path, arguments, options)
  options = options or {}
  return ("env %s %s %s %s %s"):format(module_path(), options.env or "",
    options.interpreter or M.interpreter, quote(path), arguments or "")
end

--- Runs a file with arguments.
function M.run_file(path, arguments, options)
  return M.command(M.line(path, arguments, options), options)
end

--- Runs the text of a script. In what it prints the file's name reads "script.lua".
function M.run(text, options)
  local path = M.script(text)
  local result = M.run_file(path, nil, options)
  os.remove(path)
  local name = path:gsub("%p", "%%%0")
  result.out = result.out:gsub(name, "script.lua")
  result.err = result.err:gsub(name, "script.lua")
  return result
end

return M
