-- SPDX-License-Identifier: MIT

--- Ordinary Lua code over many parts of the language. Each function gets `lib` (its `create` and
--- `wrap` make coroutines) and returns a digest that depends on everything it computed.
local M = {}

local function numbers(n)
  local list, x = {}, 12345
  for i = 1, n do
    x = (x * 1103515245 + 12345) % 2147483648
    list[i] = x % 1000
  end
  return list
end

function M.sort()
  local list = numbers(40)
  table.sort(list)
  local down = numbers(30)
  table.sort(down, function(a, b) return a > b end)
  return table.concat(list, ",") .. "|" .. table.concat(down, ",")
end

function M.sort_records()
  local records = {}
  for i, n in ipairs(numbers(25)) do records[i] = { key = n % 7, place = i } end
  table.sort(records, function(a, b)
    if a.key ~= b.key then return a.key < b.key end
    return a.place < b.place
  end)
  for i, record in ipairs(records) do records[i] = record.key .. ":" .. record.place end
  return table.concat(records, " ")
end

function M.gsub()
  local text = ("the quick brown fox jumps over the lazy dog "):rep(2)
  local upper = text:gsub("%a+", function(word) return word:upper():reverse() end)
  local named = ("$a-$b-$c"):gsub("%$(%w+)", { a = "1", b = "2" })
  local nested = ("f(g(x))"):gsub("%b()", function(inner)
    return "[" .. inner:sub(2, -2):gsub("%w", "<%0>") .. "]"
  end)
  return upper .. named .. nested
end

function M.patterns()
  local found = {}
  for key, value in ("a=1, b = 22,cc=333"):gmatch("(%w+)%s*=%s*(%w+)") do
    found[#found + 1] = key .. value
  end
  found[#found + 1] = tostring(("x[y]z"):find("[", 1, true))
  found[#found + 1] = ("2026-07-04"):match("^(%d+)%-(%d+)") or "none"
  return table.concat(found, ";")
end

function M.closures()
  local function counter(step)
    local n = 0
    return function() n = n + step return n end, function() return n end
  end
  local parts = {}
  for step = 1, 5 do
    local advance, look = counter(step)
    for _ = 1, step do advance() end
    parts[step] = look()
  end
  local compose = function(f, g) return function(...) return f(g(...)) end end
  local add = function(a) return function(b) return a + b end end
  parts[6] = compose(add(1), compose(add(10), add(100)))(1000)
  return table.concat(parts, " ")
end

local Vector = {}
Vector.__index = Vector
local function vector(x, y) return setmetatable({ x = x, y = y }, Vector) end
function Vector.__add(a, b) return vector(a.x + b.x, a.y + b.y) end
function Vector.__mul(a, k) return vector(a.x * k, a.y * k) end
function Vector.__unm(a) return vector(-a.x, -a.y) end
function Vector.__eq(a, b) return a.x == b.x and a.y == b.y end
function Vector.__lt(a, b) return a:norm() < b:norm() end
function Vector.__le(a, b) return a:norm() <= b:norm() end
function Vector.__len(a) return a:norm() end
function Vector.__call(a, k) return a.x * k + a.y end
function Vector.__concat(a, b) return tostring(a) .. tostring(b) end
function Vector.__tostring(a) return "(" .. a.x .. "," .. a.y .. ")" end
function Vector:norm() return self.x * self.x + self.y * self.y end

function M.metamethods()
  local a, b = vector(1, 2), vector(3, 4)
  local list = { a + b, a * 3, -b, vector(0, 9), a }
  table.sort(list, function(p, q) return p < q end)
  local text = ""
  for _, v in ipairs(list) do text = text .. v end
  return text .. tostring(a == vector(1, 2)) .. tostring(a <= b) .. #b .. a(10)
end

function M.inheritance()
  local Base = {}
  Base.__index = Base
  function Base.name() return "base" end
  function Base:describe() return self:name() .. "!" end
  local Derived = setmetatable({}, { __index = Base })
  Derived.__index = Derived
  function Derived:name() return "derived of " .. Base.name(self) end
  local log = {}
  local proxy = setmetatable({}, {
    __index = function(_, key) log[#log + 1] = key return key .. "?" end,
    __newindex = function(t, key, value) rawset(t, key, value .. "+") end,
  })
  proxy.x = "a"
  return setmetatable({}, Derived):describe() .. proxy.x .. proxy.y .. table.concat(log)
end

function M.coroutines(lib)
  local function permutations(list)
    return lib.wrap(function()
      local function permute(n)
        if n == 0 then lib.yield(table.concat(list)) return end
        for i = 1, n do
          list[n], list[i] = list[i], list[n]
          permute(n - 1)
          list[n], list[i] = list[i], list[n]
        end
      end
      permute(#list)
    end)
  end
  local parts = {}
  for text in permutations { "a", "b", "c" } do parts[#parts + 1] = text end
  return table.concat(parts, " ")
end

function M.coroutine_pipeline(lib)
  local function source()
    for i = 1, 8 do lib.yield(i) end
  end
  local function filter(from)
    return lib.wrap(function()
      for n in from do
        if n % 2 == 0 then lib.yield(n * n) end
      end
    end)
  end
  local sum = 0
  for n in filter(lib.wrap(source)) do sum = sum + n end
  local co = lib.create(function(a)
    local b = lib.yield(a + 1)
    error({ code = a + b })
  end)
  local _, first = coroutine.resume(co, 1)
  local ok, err = coroutine.resume(co, 10)
  return sum .. " " .. first .. " " .. tostring(ok) .. err.code .. coroutine.status(co)
end

function M.errors()
  local parts = {}
  local function level(n)
    if n == 0 then error({ depth = "deep" }) end
    local ok, err = pcall(level, n - 1)
    parts[#parts + 1] = tostring(ok) .. n
    error(err, 0)
  end
  local ok, err = pcall(level, 6)
  parts[#parts + 1] = tostring(ok) .. err.depth
  parts[#parts + 1] = select(2, xpcall(function() return nil + 1 end, function(message)
    return (message:gsub("^.-:%d+: ", "handled "))
  end))
  parts[#parts + 1] = tostring(pcall(error))
  parts[#parts + 1] = tostring(select("#", pcall(table.unpack, {}, 1, 30)))
  return table.concat(parts, " ")
end

function M.to_be_closed()
  local log = {}
  local function guard(name)
    return setmetatable({}, { __close = function(_, err)
      log[#log + 1] = name .. (err and "!" or "")
    end })
  end
  local function work(fail)
    local _ <close> = guard("a")
    for i = 1, 3 do
      local _ <close> = guard("b" .. i)
      if i == 2 then
        if fail then error("x", 0) end
        return guard("never")
      end
    end
  end
  pcall(work, false)
  pcall(work, true)
  for key in next, { 1, 2 }, nil, guard("loop") do
    if key == 1 then break end
  end
  return table.concat(log, " ")
end

return M
