-- SPDX-License-Identifier: MIT

--- The structured clone: which values arrive as what, and which do not leave.
local core = require "crun.core"
local crun = require "crun"
local files = require "spec.support.files"
local process = require "spec.support.process"
local support = require "spec.support"

--- Runs text as a script does, with the real globals: busted's files have others.
local function script(text, ...)
  return assert(load(text, "=script", "t", _G))(...)
end

local function clone(...)
  return core.decode(core.encode(...))
end

--- The error of a message that cannot be made, without its place.
local function refusal(...)
  local ok, err = pcall(core.encode, ...)
  assert.is_false(ok)
  return (err:gsub("^[^:]*spec%.lua:%d+: ", ""))
end

--- Sets globals for a test; afterwards they and all that it lists are gone.
local function with_globals(list, body)
  local function clear()
    for name in pairs(list) do rawset(_G, name, nil) end
  end
  for name, value in pairs(list) do rawset(_G, name, value or nil) end
  local ok, err = pcall(body, clear)
  clear()
  if not ok then error(err, 0) end
end

describe("scalars", function()
  it("arrive as they are, however many", function()
    local n = select("#", clone())
    assert.equal(0, n)
    local got = table.pack(clone(nil, true, false, 7, "x", nil))
    assert.same({ n = 6, nil, true, false, 7, "x" }, got)
    local many = {}
    for i = 1, support.scaled(5000, 100) do many[i] = i end
    assert.same(many, { clone(table.unpack(many)) })
  end)

  it("keep integers and floats apart", function()
    local integers = { 0, 1, 127, 128, -1, -128, 255, 1 << 31, math.maxinteger, math.mininteger }
    for _, v in ipairs(integers) do
      local got = clone(v)
      assert.equal("integer", math.type(got))
      assert.equal(v, got)
    end
    for _, v in ipairs { 0.0, 1.0, -1.5, 2.0 ^ 53, 5e-324, math.huge, -math.huge } do
      local got = clone(v)
      assert.equal("float", math.type(got))
      assert.equal(v, got)
    end
    assert.equal(-math.huge, 1 / clone(-0.0))
  end)

  it("keep the bits of a NaN", function()
    for _, bits in ipairs { 0x7ff8000000000000, 0x7ff8000000000123, -0x0007fffffffffffe } do
      local nan = string.unpack("d", string.pack("i8", bits))
      assert.equal(string.pack("d", nan), string.pack("d", (clone(nan))))
    end
  end)

  it("strings have any bytes and any length", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    all = table.concat(all)
    for _, size in ipairs { 0, 1, 63, 64, 127, 128, 129, 65535, 65536, 65537, 1 << 20 } do
      local text = all:rep(size // 256 + 1):sub(1, size)
      assert.is_true(clone(text) == text)
    end
    local a, b, c = ("a"):rep(70000), ("b"):rep(90000), ("c"):rep(200)
    local one, two, three, four, five = clone(a, 1, b, a, c)
    assert.is_true(one == a and two == 1 and three == b and four == a and five == c)
  end)

  it("a long string that occurs twice is sent once", function()
    local text = ("x"):rep(100000)
    assert.is_true(#core.encode(text, { text, [text] = text }) < 101000)
  end)
end)

describe("tables", function()
  it("arrive with all their fields", function()
    local t = { 1, "two", { 3 }, x = { y = { z = "deep" } }, [2.5] = 1, [true] = 2, [-1] = 3 }
    assert.same(t, clone(t))
    local keys = { [{ "k" }] = "v" }
    local key = next((clone(keys)))
    assert.same({ "k" }, key)
  end)

  it("share what was shared, and are cyclic where they were", function()
    local shared = {}
    local t = { shared, shared, key = { [shared] = shared } }
    t.self = t
    local u, v = clone(t, shared)
    assert.equal(u, u.self)
    assert.equal(u[1], u[2])
    assert.equal(u[1], v)
    assert.equal(v, u.key[v])
    assert.are_not.equal(shared, v)
  end)

  it("are as long as they were, holes included", function()
    local holed = { { 1, nil, 3 }, { nil, nil, 3 }, table.pack(nil, 2, nil), { nil, 2, x = 1 } }
    for _, t in ipairs(holed) do
      local u = clone(t)
      assert.equal(#t, #u)
      assert.same(t, u)
    end
    local sparse = clone { [1] = 1, [1 << 40] = 2, [math.maxinteger] = 3, [math.mininteger] = 4 }
    assert.equal(3, sparse[math.maxinteger])
    assert.equal(4, sparse[math.mininteger])
    assert.equal(1, #sparse)
    assert.equal(0, #clone { [5] = true })
  end)

  it("nest as deep as there is memory", function()
    local depth = support.scaled(200000, 500)
    local t = {}
    for _ = 1, depth do t = { t } end
    local n = 0
    t = clone(t)
    while t[1] do t, n = t[1], n + 1 end
    assert.equal(depth, n)
  end)

  it("bring their metatables, which stay shared", function()
    local meta = { __index = { greet = "hello" }, __name = "thing" }
    local a, b = clone(setmetatable({}, meta), { setmetatable({}, meta) })
    assert.equal("hello", a.greet)
    assert.equal(getmetatable(a), getmetatable(b[1]))
    local own = setmetatable({}, {})
    setmetatable(own, own)
    local c = clone(own)
    assert.equal(c, getmetatable(c))
  end)

  it("with a protected metatable, too", function()
    local t = clone(setmetatable({}, { __metatable = "locked", __len = string.len }))
    assert.equal("locked", getmetatable(t))
    assert.equal(string.len, debug.getmetatable(t).__len)
  end)

  it("weak ones arrive weak, and finalizers run for the copy", function()
    local weak = clone(setmetatable({ {} }, { __mode = "v" }))
    collectgarbage()
    assert.is_nil(weak[1])
    with_globals({ clone_closed = 0 }, function()
      local closing = script [[
        local function close() clone_closed = clone_closed + 1 end
        return setmetatable({}, {__gc = close})
      ]]
      local message = core.encode(closing)
      setmetatable(closing, nil)
      local copy = core.decode(message)
      assert.is_table(copy)
      copy = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.equal(1, _G.clone_closed)
    end)
  end)

  it("no metamethod is called on the way", function()
    local never = script "return function() error 'called' end"
    local meta = {}
    for _, event in ipairs { "index", "newindex", "len", "pairs", "eq", "call", "tostring" } do
      meta["__" .. event] = never
    end
    local t = clone(setmetatable({ 1, a = 2 }, meta))
    assert.equal(1, rawget(t, 1))
    assert.equal(2, rawget(t, "a"))
  end)
end)

describe("functions", function()
  it("arrive with what they close over, variables still shared", function()
    local inc, get, add = clone(script [[
      local n, step = 0, 1
      return function() n = n + step end, function() return n end, function(d) step = step + d end
    ]])
    inc()
    add(4)
    inc()
    assert.equal(6, get())
  end)

  it("call themselves and each other", function()
    local even = clone(script [[
      local even, odd
      function even(n) return n == 0 or odd(n - 1) end
      function odd(n) return n ~= 0 and even(n - 1) end
      return even
    ]])
    assert.is_true(even(10))
    assert.is_false(even(7))
  end)

  it("the same function arrives once", function()
    local f = script "return function() end"
    local a, t = clone(f, { f })
    assert.equal(a, t[1])
  end)

  it("have the receiver's globals", function()
    local f, env = clone(script "return function() return _ENV end", _G)
    assert.equal(_G, f())
    assert.equal(_G, env)
  end)

  it("take the globals along that they use, through others too", function()
    local names = { clone_a = false, clone_b = false, clone_c = false, clone_d = false }
    with_globals(names, function(clear)
      local message = core.encode(script [[
        clone_a, clone_b, clone_c, clone_d = 1, {n = 2}, nil, io.stdout
        function clone_c() return clone_b.n + 1 end
        return function(set)
          local function inner() return clone_a + clone_c() end
          if set then clone_a = set end
          return inner()
        end
      ]])
      clear()
      local f = core.decode(message)
      assert.equal(4, f())
      assert.is_nil(rawget(_G, "clone_d"))
      assert.equal(103, f(100))
      assert.equal(103, core.decode(message)(), "globals that are there stay")
    end)
  end)

  it("take every global along that they may name", function()
    for _, text in ipairs {
      "return function() return _G.clone_a end",
      "return function() local env = _ENV; return env.clone_a end",
      "return function() return rawget(_G, 'clone_a') end",
    } do
      with_globals({ clone_a = 5 }, function(clear)
        local message = core.encode(script(text))
        clear()
        assert.equal(5, core.decode(message)(), text)
      end)
    end
  end)

  it("find globals also behind more constants than an instruction can name", function()
    local lines = {}
    for i = 1, 400 do lines[i] = ("x = 'constant %d'"):format(i) end
    lines[#lines + 1] = "return clone_a"
    local text = "return function() local x; " .. table.concat(lines, "; ") .. " end"
    with_globals({ clone_a = 5 }, function(clear)
      local message = core.encode(script(text))
      clear()
      assert.equal(5, core.decode(message)())
    end)
  end)

  it("with an environment of their own keep it", function()
    local env = { x = 7 }
    local f = assert(load("return x", "=env", "t", env))
    assert.equal(7, clone(f)())
  end)

  it("without debug information, too", function()
    local f = script "local a, b = 1, 2; return function() return a + b end"
    f = load(string.dump(f, true))
    debug.setupvalue(f, 1, 20)
    debug.setupvalue(f, 2, 3)
    assert.equal(23, clone(f)())
  end)

  it("a stranger's are refused", function()
    local path = process.script("")
    process.run(([[
      local f = io.open(%q, 'wb')
      f:write(require 'crun.core'.encode(print, function() end))
      f:close()
    ]]):format(path))
    local message = files.read(path)
    os.remove(path)
    local ok, err = pcall(core.decode, message)
    assert.is_false(ok)
    local words = "bad message: a function that no process of this program has sent"
    assert.truthy(err:find(words, 1, true))
  end)
end)

describe("by name", function()
  before_each(function()
    package.loaded.clone_shapes = script [[
      local Shape = {}
      Shape.__index = Shape
      function Shape.new(n) return setmetatable({n = n}, Shape) end
      function Shape:area() return self.n end
      local M = {Shape = Shape, data = {1, 2, 3}, deep = {fn = function() end}}
      function M.helper() end
      return M
    ]]
    package.loaded.clone_data = { port = 80 }
  end)

  after_each(function()
    package.loaded.clone_shapes, package.loaded.clone_data = nil, nil
  end)

  it("modules and what they hold arrive as the receiver's own", function()
    for _, value in ipairs {
      string, string.format, print, require, math.floor, io.stdout, _G,
      crun, core, crun.Queue, crun.net, crun.net.connect,
    } do
      assert.equal(value, (clone(value)))
    end
    local shapes = require "clone_shapes"
    assert.equal(shapes, (clone(shapes)))
    assert.equal(shapes.Shape, (clone(shapes.Shape)))
    assert.equal(shapes.helper, (clone(shapes.helper)))
    assert.equal(shapes.Shape.area, (clone(shapes.Shape.area)))
    assert.equal(shapes.deep.fn, (clone(shapes.deep.fn)))
  end)

  it("instances keep the module's class", function()
    local shapes = require "clone_shapes"
    local a, list = clone(shapes.Shape.new(3), { shapes.Shape.new(4) })
    assert.equal(shapes.Shape, getmetatable(a))
    assert.equal(shapes.Shape, getmetatable(list[1]))
    assert.equal(4, list[1]:area())
  end)

  it("what is only data is copied", function()
    local shapes, data = require "clone_shapes", require "clone_data"
    assert.are_not.equal(shapes.data, (clone(shapes.data)))
    assert.are_not.equal(data, (clone(data)))
    assert.same(data, (clone(data)))
  end)

  it("modules loaded and changed later are known", function()
    core.encode(string.format)
    local late = script "return {fn = function() end, list = {}}"
    package.loaded.clone_late = late
    assert.equal(late, clone({ late })[1])
    local gmatch = string.gmatch("a", "a")
    late.iterator = gmatch
    assert.equal(gmatch, (clone(gmatch)))
    local new = script "return {fn = function() end}"
    package.loaded.clone_late = new
    assert.are_not.equal(late, (clone(new)))
    assert.equal(new, (clone(new)))
    package.loaded.clone_late = nil
    assert.are_not.equal(new, (clone(new)))
  end)

  it("a module that the receiver has not loaded is required", function()
    local shapes = require "clone_shapes"
    local message = core.encode(shapes.helper)
    package.loaded.clone_shapes = nil
    package.preload.clone_shapes = function() return { helper = 42 } end
    local got = core.decode(message)
    package.preload.clone_shapes = nil
    assert.equal(42, got)
    package.loaded.clone_shapes = {}
    local ok, err = pcall(core.decode, message)
    assert.is_false(ok)
    assert.truthy(err:find("bad message: there is no 'helper' in a module here", 1, true))
  end)

  it("a global class stays the receiver's own", function()
    with_globals({ CloneAccount = false }, function(clear)
      local one = script [[
        CloneAccount = {}
        CloneAccount.__index = CloneAccount
        function CloneAccount:get() return self.sum end
        return setmetatable({sum = 1}, CloneAccount)
      ]]
      local message = core.encode(one)
      assert.equal(_G.CloneAccount, getmetatable(core.decode(message)))
      clear()
      local a, b = core.decode(message), core.decode(message)
      assert.equal(1, a:get())
      assert.equal(rawget(_G, "CloneAccount"), getmetatable(a))
      assert.equal(getmetatable(a), getmetatable(b))
    end)
  end)
end)

describe("what cannot be sent", function()
  local sock

  before_each(function() sock = assert(io.tmpfile()) end)
  after_each(function() sock:close() end)

  local function words(pattern, ...)
    assert.equal(pattern, refusal(...))
  end

  it("is named by its path", function()
    local co = coroutine.create(print)
    words("args[1]: userdata cannot be sent", sock)
    words("args[3]: thread cannot be sent", 1, 2, co)
    words("args[2].handlers.on_open: userdata cannot be sent", 1, { handlers = { on_open = sock } })
    words("args[1][3][true][\"a b\"]: thread cannot be sent",
      { 1, 2, { [true] = { ["a b"] = co } } })
    words("args[1][1.5][-2]: userdata cannot be sent", { [1.5] = { [-2] = sock } })
    words("args[1].<key>: userdata cannot be sent", { [sock] = 1 })
    words("args[1].<metatable>.__index: userdata cannot be sent",
      setmetatable({}, { __index = sock }))
    words("args[1]: a C function that no loaded module has cannot be sent",
      string.gmatch("a", "a"))
  end)

  it("is named by its class, if that is one of crun's or says how", function()
    words("args[1]: crun.Task cannot be sent", crun.current())
    words("args[2].t: crun.Task cannot be sent", 1, { t = crun.current() })
    local door = setmetatable({ sock = {} }, { __unsendable = "a door" })
    words("args[1]: a door cannot be sent", door)
    words("args[2].house[1]: a door cannot be sent", 1, { house = { door } })
    words("upvalue 'door' (a door) of function at script:1 cannot be sent",
      script("local door = ... return function() return door end", door))
    words("args[1]: a Thread cannot be sent", crun.Thread {})
  end)

  it("is named as a variable", function()
    local direct = script("local sock = ...\n\nreturn function() return sock end", sock)
    words("upvalue 'sock' (userdata) of function at script:3 cannot be sent", direct)
    words("upvalue 'sock' (userdata) of function at script:3 cannot be sent", 1, { { f = direct } })
    local inside = script("local c = {pool = {...}}; return function() return c end", sock)
    words("upvalue 'c.pool[1]' (userdata) of function at script:1 cannot be sent", inside)
    local stripped = load(string.dump(direct, true))
    debug.setupvalue(stripped, 1, sock)
    words("upvalue '#1' (userdata) of function at ?:3 cannot be sent", stripped)
  end)

  it("is named as a global", function()
    with_globals({ clone_log = { file = sock }, clone_write = false }, function()
      local f = script [[
        function clone_write() clone_log.file:write() end
        return function() clone_write() end
      ]]
      words("global 'clone_log.file' (userdata) used by function at script:1 cannot be sent", f)
    end)
  end)

  it("is no member of a module that has the table of globals", function()
    package.loaded["spec.clone_globals"] = { globals = _G, own = function() end }
    with_globals({ clone_log = { file = sock }, clone_write = false }, function()
      local f = script "function clone_write() clone_log.file:write() end return clone_write"
      words("global 'clone_log.file' (userdata) used by function at script:1 cannot be sent", f)
    end)
    package.loaded["spec.clone_globals"] = nil
  end)

  it("is named although it is deep", function()
    local top = {}
    local t = top
    for _ = 1, 1000 do
      t.n = {}
      t = t.n
    end
    t.sock = sock
    words("args[1] ... " .. (".n"):rep(15) .. ".sock: userdata cannot be sent", top)
  end)

  it("leaves nothing behind: the next message is whole", function()
    local t = { { 1, 2 }, sock }
    for _ = 1, 3 do
      words("args[1][2]: userdata cannot be sent", t)
      assert.same({ { 1, 2 } }, clone { { 1, 2 } })
    end
  end)

  it("raises at the caller's level", function()
    local ok, err = pcall(function() core.encode(sock) end)
    assert.is_false(ok)
    assert.truthy(err:find("^.*clone_spec%.lua:%d+: args%[1%]"))
  end)
end)
