-- SPDX-License-Identifier: MIT

-- The interactive mode of the program. Input that is no terminal is shown after its prompt.
local process = require "spec.support.process"

if not process.under_crun then return end

local function session(input, arguments)
  local result = process.command(("%s %s -i"):format(process.crun_bin, arguments or ""),
    { stdin = input })
  local banner, text = result.out:match("^(Lua 5%.4[^\n]*\n)(.*)$")
  assert.truthy(banner, result.out)
  result.text = text
  return result
end

local function shows(expected, input, arguments)
  local result = session(input, arguments)
  assert.equal(expected, result.text)
  return result
end

describe("interactive mode:", function()
  it("prints the values of expressions and runs statements", function()
    local result = shows("> 1 + 1\n2\n> x = 5\n> x, x\n5\t5\n> print(x)\n5\n> \n> nil\nnil\n> \n",
      "1 + 1\nx = 5\nx, x\nprint(x)\n\nnil")
    assert.same({ 0, "" }, { result.status, result.err })
  end)

  it("takes a leading = for return", function()
    shows("> =1, 2\n1\t2\n> =\n> \n", "=1, 2\n=\n")
  end)

  it("goes on reading until a statement is complete", function()
    shows("> for i = 1, 2 do\n>> print(i)\n>> end\n1\n2\n> \n", "for i = 1, 2 do\nprint(i)\nend\n")
    shows("> a = [[b\n>> c]]\n> a\nb\nc\n> \n", "a = [[b\nc]]\na\n")
    shows("> f(\n>> > \n", "f(")
  end)

  it("shows errors without a name, and goes on", function()
    local result = shows("> x x\n> error('boom')\n> 1\n1\n> \n", "x x\nerror('boom')\n1\n")
    assert.equal("stdin:1: syntax error near 'x'\nstdin:1: boom\nstack traceback:\n" ..
      "\t[C]: in function 'error'\n\tstdin:1: in main chunk\n\t[C]: in ?\n", result.err)
    assert.equal(0, result.status)
    assert.equal("(error object is a table value)\nstack traceback:\n\t[C]: in function 'error'\n"
      .. "\tstdin:1: in main chunk\n\t[C]: in ?\nan object\n", session(
      "error({})\nerror(setmetatable({}, { __tostring = function() return 'an object' end }))").err)
    assert.equal("error calling 'print' (attempt to call a nil value)\n",
      session("print = nil\n1\n").err)
  end)

  it("asks with _PROMPT and _PROMPT2, also when they are objects", function()
    shows("> _PROMPT, _PROMPT2 = 'a ', 7\na do\n7end\na \n",
      "_PROMPT, _PROMPT2 = 'a ', 7\ndo\nend\n")
    shows("1 x = 1\n2 \n", "x = 1\n", "-e " .. process.quote [[
      local n = 0
      _PROMPT = setmetatable({}, { __tostring = function() n = n + 1 return n .. " " end })]])
  end)

  it("follows a script, and sees its globals", function()
    local path = process.script("shared = ... print('script')")
    local result = process.command(("%s -i %s argument"):format(process.crun_bin, path),
      { stdin = "shared\n" })
    os.remove(path)
    assert.matches("\nscript\n> shared\nargument\n> \n$", result.out)
  end)

  it("leaves what follows a line to the statement in it", function()
    shows("> io.read()\ntyped\n> io.read(2), io.read()\nab\tcd\n> \n",
      "io.read()\ntyped\nio.read(2), io.read()\nabcd\n")
    shows("> os.execute('cat')\nto cat\ntrue\texit\t0\n> \n", "os.execute('cat')\nto cat\n")
  end)

  it("ends with os.exit as well", function()
    assert.equal(5, session("os.exit(5)\nprint('never')\n").status)
  end)

  it("ends when its input cannot be read", function()
    local result = process.command(process.crun_bin .. " -i </")
    assert.same({ 0, "" }, { result.status, result.err })
  end)

  it("waits for what a statement waits for", function()
    shows("> crun = require 'crun'\n> crun.sleep(0.001)\n> crun.spawn(math.abs, -4):get()\n4\n> \n",
      "crun = require 'crun'\ncrun.sleep(0.001)\ncrun.spawn(math.abs, -4):get()\n")
  end)

  it("lets tasks run while it waits for a line", function()
    local fifo = os.tmpname()
    assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
    local out = assert(io.popen(("timeout 120 %s -i <%s"):format(process.crun_bin, fifo)))
    local typed = assert(io.open(fifo, "w"))
    typed:write("c = require 'crun' c.spawn(function() c.sleep(0.001) print('task ran') end)\n")
    typed:flush()
    local line
    repeat line = out:read() until not line or line:find("task ran$")
    if line then typed:write("os.exit(3)\n") end
    typed:close()
    out:read("a")
    local _, _, status = out:close()
    os.remove(fifo)
    assert.equal(3, status)
  end)

  it("at a terminal, Ctrl-C ends what is typed or what runs, and the session goes on", function()
    if not os.execute("command -v script >/dev/null") then return pending("no script(1) here") end
    local fifo = os.tmpname()
    assert(os.remove(fifo) and os.execute("mkfifo " .. fifo))
    -- The shell that script(1) starts must give way: a dash that stays hears Ctrl-C as well, and
    -- dies of it in the end.
    local command = "TERM=dumb SHELL=/bin/sh timeout 120 script -qefc %s /dev/null <%s"
    local out = assert(io.popen(command:format(
      process.quote("exec " .. process.crun_bin), fifo)))
    local typed = assert(io.open(fifo, "w"))
    typed:setvbuf("no")
    local function expect(text)
      local seen = ""
      repeat
        local byte = out:read(1)
        assert.truthy(byte, ("%q before %q came"):format(seen, text))
        seen = seen .. byte
      until seen:find(text, 1, true)
    end
    expect("\n> ")
    typed:write("unfinished")
    expect("unfinished")
    typed:write("\3")
    expect("\n> ")
    typed:write("io.write('compu', 'ting') io.flush() while true do end\n")
    expect("computing")
    typed:write("\3")
    expect("interrupted! (SIGINT)")
    expect("\n> ")
    typed:write("os.exit(40 + 2)\n")
    out:read("a")
    typed:close()
    local _, _, status = out:close()
    os.remove(fifo)
    assert.equal(42, status)
  end)

  it("reports a deadlock of a statement and goes on", function()
    local result = session("crun = require 'crun'\ncrun.Queue():get()\n'still here'\n")
    assert.matches("still here\n> \n$", result.text)
    assert.matches("deadlock", result.err)
  end)
end)
