-- SPDX-License-Identifier: MIT

-- What the program does with its command line, beside the stock interpreter with the same one.
local process = require "spec.support.process"

if not process.under_crun then return end

local quote = process.quote
local program_name = process.crun_bin:match("%S+$")

-- Under a wrapper such as valgrind, which takes a second to start, a test makes two comparisons.
local wrapped = process.crun_bin:find("%S%s+%S") ~= nil
local comparisons = 0
before_each(function() comparisons = 0 end)

local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

--- Runs one command line. `%s` in it stand for files with the texts of `options.files`.
local function run(interpreter, arguments, options)
  options = options or {}
  local scripts = {}
  for i, text in ipairs(options.files or {}) do scripts[i] = process.script(text) end
  local next_script = 0
  local command = ("env -u LUA_INIT -u LUA_INIT_5_4 %s %s %s"):format(options.env or "",
    interpreter, arguments):gsub("%%s", function()
      next_script = next_script + 1
      return scripts[next_script]
    end)
  local result = process.command(command, options)
  for i, path in ipairs(scripts) do
    os.remove(path)
    result.out = result.out:gsub(plain(path), "file" .. i)
    result.err = result.err:gsub(plain(path), "file" .. i)
  end
  local name = interpreter:match("%S+$")
  result.err = result.err:gsub("%f[^\n\0]" .. plain(name) .. ": ", "PROGRAM: "):gsub("usage: "
    .. plain(name), "usage: PROGRAM")
  result.out = result.out:gsub(plain(name), "PROGRAM")
  return result
end

local function crun(arguments, options)
  return run(process.crun_bin, arguments, options)
end

--- Checks that both interpreters print and return the same; returns what crun gave.
local function same(arguments, options)
  local stock = run(process.lua_bin, arguments, options)
  comparisons = comparisons + 1
  if wrapped and comparisons > 2 then return stock end
  local ours = crun(arguments, options)
  assert.equal(stock.out, ours.out, arguments)
  assert.equal(stock.err, ours.err, arguments)
  assert.equal(stock.status, ours.status, arguments)
  return ours
end

describe("options as in lua(1):", function()
  it("-v prints Lua's line and nothing else", function()
    assert.matches("^Lua 5%.4%.%d+  Copyright", same("-v").out)
    assert.matches("PUC%-Rio\nhello\n$", same("-v -e 'print[[hello]]'").out)
    same("-W -v")
    same("-v %s", { files = { "print(...)" } })
  end)

  it("-e runs statements in their order, attached or not", function()
    assert.equal("1\n2\n\n", same("-e 'print(1)' -e'a = 2' -eprint\\(a\\) -e 'print(...)'").out)
    same("-e ''")
    same("-e 'return 1'")
    same("-e= ")
    same("-e 'print(1)' %s x", { files = { "print(2, ...)" } })
  end)

  it("-l requires into a global, of the module's or another name", function()
    assert.equal("7\tnil\n", same("-l m=math -l string -e 'print(m.abs(-7), M)'").out)
    same("-lm=math '-l=string' -e 'print(m.pi)'")
    same("-l x=")
    same("-l missing.module")
    same("-lmissing")
    same("-l %s -e 'print(2)'", { env = "LUA_PATH='?'", files = { "print(...) error('no')" } })
  end)

  it("-W turns warnings on, at its place", function()
    same("-e 'warn(1)' -W -e 'warn(2, 3)' -e 'warn[[@off]] warn(4)'")
    same("-W -e 'setmetatable({}, { __gc = function() error(\"late\") end })'")
    same("-e 'setmetatable({}, { __gc = function() error(\"late\") end })'")
  end)

  it("-E ignores LUA_INIT and the paths", function()
    local env = "LUA_INIT='error(1)' LUA_PATH=x LUA_CPATH=y"
    same("-E -e 'print(package.path, package.cpath)'", { env = env })
  end)

  it("LUA_INIT runs first; the one with the version goes before", function()
    local options = { env = "LUA_INIT='print(arg[1], arg[0], ...)'" }
    same("-e 'print(1)'", options)
    same("%s argument", { env = options.env, files = { "print(2)" } })
    same("-e 'print(1)'", { env = "LUA_INIT='error(1)' LUA_INIT_5_4='print(54)'" })
    same("-e 'print(1)'", { env = "LUA_INIT='error(\"no\")'" })
    same("-e 'print(1)'", { env = "LUA_INIT='a ='" })
    same("-e 'print(1)'", { env = "LUA_INIT=@%s", files = { "print('file')" } })
    same("-e 'print(1)'", { env = "LUA_INIT=@/missing/file" })
    same("-e 'print(1)'", { env = "LUA_INIT=" })
  end)

  it("what is wrong is said in the same words, and how to use the program", function()
    for _, arguments in ipairs { "-h", "---", "--x", "-e", "-l", "-e -v", "-l -", "-Ex", "-vv",
      "-iv", "-W1", "-x -v" } do
      local ours, stock = crun(arguments), run(process.lua_bin, arguments)
      assert.equal(stock.err, ours.err:sub(1, #stock.err), arguments)
      assert.same({ 1, "" }, { ours.status, ours.out }, arguments)
    end
  end)

  it("-- and - end them", function()
    same("-- %s -v", { files = { "print(arg[-1], ...)" } })
    same("- -v", { stdin = "print(...)" })
    same("-e 'print(1)' - a b", { stdin = "print(...) error('here')" })
    same("-- -", { stdin = "print(1)" })
    same("--", { stdin = "print(1, ...)" })
  end)
end)

describe("options of its own:", function()
  it("--help shows all options and succeeds", function()
    local result = crun("--help")
    assert.same({ 0, "" }, { result.status, result.err })
    for _, option in ipairs { "-e stat", "-l g=mod", "-W", "--version", "--help" } do
      assert.truthy(result.out:find(option, 1, true), option)
    end
  end)

  it("--version names crun, Lua and libuv", function()
    local result = crun("--version")
    assert.matches("^crun %d+%.%d+%.%d+\nLua 5%.4%.%d+\nlibuv 1%.%d+%.%d+\n$", result.out)
    assert.equal(0, result.status)
  end)

  it("keep the script from running", function()
    assert.equal(crun("--version").out, crun("-e 'print(1)' --version").out)
    assert.equal("--version\n", crun("- --version", { stdin = "print(...)" }).out)
  end)
end)

describe("the script:", function()
  it("gets its arguments, and finds in arg what stood before it", function()
    local show = [[
      local seen = {}
      for i = -9, 9 do if arg[i] then seen[#seen + 1] = i .. "=" .. arg[i] end end
      print(table.concat(seen, " "), #arg, ...)
    ]]
    same("%s", { files = { show } })
    same("%s a '' 'c d'", { files = { show } })
    same("-W -e 'x = 1' -- %s a", { files = { show } })
    same("- a b", { stdin = show })
    same("-e " .. quote(show))
    same("-i -e 'x = 1'", { stdin = "" })
  end)

  it("takes the arguments that arg holds by then", function()
    same("-e 'arg[1] = 100' %s a b", { files = { "print(...)" } })
    same("-e 'arg[3] = 3' %s a b", { files = { "print(...)" } })
    same("-e 'arg = nil' %s", { files = { "print(1)" } })
    same("-e 'arg = 1' -", { stdin = "print(1)" })
  end)

  it("may begin with a line for the shell, and may be binary", function()
    assert.equal("2\n", same("%s", { files = {
      "#!/usr/bin/env crun\nprint(debug.getinfo(1, 'l').currentline)" } }).out)
    same("%s", { files = { "#" } })
    same("%s", { files = { "#!x\n" .. string.dump(load "print('binary', ...)") } })
    same("%s", { files = { string.dump(load "print('binary', ...)") } })
    same("%s", { files = { "\xEF\xBB\xBFprint('mark')" } })
  end)

  it("runs when it is executed by its first line", function()
    if wrapped then return pending("the program needs a wrapper") end
    local home = program_name:sub(1, 1) == "/" and "" or os.getenv("PWD") .. "/"
    local path = process.script("#!" .. home .. program_name .. "\nprint('executed', ...)")
    os.execute("chmod +x " .. path)
    local result = process.command(path .. " a b")
    os.remove(path)
    assert.equal("executed\ta\tb\n", result.out)
  end)

  it("is the standard input where none is named", function()
    assert.equal("10\n2\n", same("", { stdin = "print(10)\nprint(2)\n" }).out)
    same("", { stdin = "" })
    same("-", { stdin = "#!first\nprint(1)" })
    same("-e 'print(1)'", { stdin = "print(2)" })
  end)

  it("that cannot be read or compiled is told of as in lua(1)", function()
    same("/missing/file")
    same("''")
    same(".")
    same("%s", { files = { "print('open" } })
    same("%s", { files = { "\27Lua" } })
    same("-e 'x ='")
    same("-", { stdin = "for" })
  end)

  it("from the standard input that fails gives status 1, unlike lua(1)", function()
    local result = crun("", { stdin = "error('here')" })
    assert.equal(1, result.status)
    assert.equal(run(process.lua_bin, "", { stdin = "error('here')" }).err, result.err)
  end)
end)

describe("errors of the main chunk:", function()
  it("are shown with a traceback, objects by their __tostring", function()
    for _, text in ipairs {
      "error('message')", "error('no position', 0)", "error()", "error(nil)", "error(12)",
      "error({})", "error(print)", "local t <close> = 1", "x.y.z = 1", "string.rep()",
      "error(setmetatable({}, { __tostring = function() return 'an object' end }))",
      "error(setmetatable({}, { __tostring = function() return 12 end }))",
      "error(setmetatable({}, { __tostring = function() error('again') end }))",
      "error(setmetatable({}, { __name = 'Named' }))",
      "local function f() error('deep') end local ok = f() return ok",
      "coroutine.wrap(function() error('in a coroutine') end)()",
      "coroutine.yield()", "require 'no.such.module'", "string.rep('x', 1 << 60)",
      [[local t <close> = setmetatable({}, { __close = function() error("closing") end })
        error("first")]],
      [[error(setmetatable({}, { __tostring = function()
          return tostring(debug.getinfo(4, 'l').currentline) end }))]],
    } do
      same("%s", { files = { text } })
    end
  end)

  it("in the message handler of a full stack are told as well", function()
    assert.equal(1, crun("-e 'local function f() return f() + 1 end f()'").status)
    same("-e 'local function f() string.gsub([[a]], [[.]], f) end f()'")
  end)
end)

describe("the end:", function()
  it("is what os.exit says, with or without closing", function()
    for _, code in ipairs { "", "0", "true", "false", "7", "nil, true", "3, true", "true, true" } do
      same("%s", { files = { ([[
        local g <close> = setmetatable({}, { __close = function(_, e) print("closed", e) end })
        KEEP = setmetatable({}, { __gc = function() print("collected") end })
        io.write("unflushed")
        os.exit(%s)
      ]]):format(code) } })
    end
  end)

  it("runs finalizers in order, and flushes files", function()
    same("%s", { files = { [[
      for i = 1, 3 do KEEP = { KEEP, setmetatable({}, { __gc = function() print(i) end }) } end
      io.write("last line")
    ]] } })
  end)
end)

describe("the same state as lua(1)'s:", function()
  it("has no globals, preloaded modules apart from crun's, or searchers of its own", function()
    same("%s", { files = { [[
      local names = {}
      for name in pairs(_G) do names[#names + 1] = name end
      table.sort(names)
      print(table.concat(names, " "))
      for name in pairs(package.preload) do assert(name:match("^crun")) end
      print(#package.searchers, debug.gethook())
      print(package.config, package.path, package.cpath)
      print(coroutine.running() == coroutine.running(), select(2, coroutine.running()))
      print(coroutine.isyieldable(), pcall(coroutine.yield))
      print(package.loaded.crun, package.loaded["crun.core"])
    ]] } })
  end)

  it("still is once crun has been required", function()
    local result = crun("%s", { files = { [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      local crun = require "crun"
      for name in pairs(_G) do assert(before[name], name) end
      crun.yield()
      print(select(2, coroutine.running()), coroutine.isyieldable(), pcall(coroutine.yield))
    ]] } })
    assert.equal("true\tfalse\tfalse\tattempt to yield from outside a coroutine\n", result.out)
  end)

  it("finds the embedded faces before any path", function()
    local result = crun("-e 'print(pcall(require, [[crun]]))'", { env = "LUA_PATH=%s",
      files = { "error('the wrong one')" } })
    assert.matches("^true\ttable: ", result.out)
  end)
end)

describe("C modules of the distribution:", function()
  local function has(module)
    return run(process.lua_bin, ("-e 'require [[%s]]'"):format(module)).status == 0
  end

  for module, text in pairs {
    cjson = "print(require 'cjson'.encode({ 1, 'two', { three = 3 } }))",
    lpeg = "local p = require 'lpeg' print(p.match(p.P 'a' ^ 1 * p.Cp(), 'aaa'))",
    socket = [[
      local socket = require "socket"
      local server = assert(socket.bind("127.0.0.1", 0))
      local client = assert(socket.connect(server:getsockname()))
      local peer = server:accept()
      client:send("line\n")
      print(peer:receive("*l"))
    ]],
  } do
    it(module .. " loads and works", function()
      if not has(module) then return pending(module .. " is not installed") end
      same("%s", { files = { text } })
    end)
  end
end)
