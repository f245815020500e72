-- SPDX-License-Identifier: MIT

--- More of the corpus: data structures, strings, numbers, the collector. See corpus.lua.
local M = {}

function M.garbage_cycles()
  local kept, weak = {}, setmetatable({}, { __mode = "v" })
  for i = 1, 30 do
    local a, b = { n = i }, { n = -i }
    a.other, b.other = b, a
    weak[i] = a
    if i % 3 == 0 then kept[#kept + 1] = a end
  end
  collectgarbage("step")
  local sum = 0
  for _, a in ipairs(kept) do
    assert(a.other.other == a)
    sum = sum + a.n - a.other.n
  end
  for i = 3, 30, 3 do assert(weak[i].n == i) end
  return sum
end

function M.ephemerons()
  local memo = setmetatable({}, { __mode = "k" })
  local keys = {}
  for i = 1, 20 do
    keys[i] = { i }
    memo[keys[i]] = { value = keys[i][1] * 2, key = keys[i] }
    memo[{}] = "garbage"
  end
  collectgarbage("step", 100)
  local sum = 0
  for _, key in ipairs(keys) do sum = sum + memo[key].value end
  return sum
end

function M.finalizers()
  local count = 0
  for _ = 1, 10 do
    setmetatable({}, { __gc = function() count = count + 1 end })
  end
  collectgarbage()
  collectgarbage()
  return count >= 9 and "finalized" or count
end

function M.string_building()
  local parts, text = {}, ""
  for i = 1, 40 do
    parts[#parts + 1] = ("%03d:%x:%s"):format(i, i * 255, ("ab"):rep(i % 4))
    text = text .. i .. "," .. (i / 2) .. ";"
  end
  return #text .. table.concat(parts, " ") .. text:reverse():sub(1, 30):upper()
end

function M.packing()
  local packed = string.pack("<i4>i8zs2d", -7, 1 << 40, "zero", "counted", 0.5)
  local values = table.pack(string.unpack("<i4>i8zs2d", packed))
  for i = 1, values.n do values[i] = tostring(values[i]) end
  return table.concat(values, " ")
end

function M.utf8_and_bytes()
  local text = utf8.char(72, 228, 8364, 128512)
  local parts = {}
  for place, code in utf8.codes(text) do parts[#parts + 1] = place .. "=" .. code end
  parts[#parts + 1] = tostring(utf8.len(text))
  parts[#parts + 1] = table.concat({ ("abc"):byte(1, -1) }, "+")
  return table.concat(parts, " ")
end

function M.varargs()
  local function count(...) return select("#", ...) end
  local function rotate(first, ...)
    if select("#", ...) == 0 then return first end
    return ..., first
  end
  local function sum(...)
    local total = 0
    for i = 1, select("#", ...) do total = total + (select(i, ...) or 0) end
    return total
  end
  return count(nil, nil) .. count(table.unpack({}, 1, 9)) .. sum(1, nil, 3, rotate(4, 5, 6))
end

function M.numbers()
  local parts = {}
  for _, pair in ipairs { { 7, 2 }, { -7, 2 }, { 7, -2 }, { 7.5, 2 } } do
    local a, b = pair[1], pair[2]
    parts[#parts + 1] = ("%s %s %s"):format(a // b, a % b, a / b)
  end
  parts[#parts + 1] = tostring(math.maxinteger + 1 == math.mininteger)
  parts[#parts + 1] = tostring(1 << 62 >> 60 | 3 ~ 5 & 6)
  parts[#parts + 1] = tostring(tonumber("0x1p4")) .. tostring(tonumber("z", 36))
  parts[#parts + 1] = tostring(math.tointeger(3.0)) .. tostring(3 == 3.0)
  return table.concat(parts, ";")
end

function M.gotos_and_loops()
  local found = {}
  for i = 1, 8 do
    for j = i, 8 do
      if (i + j) % 3 ~= 0 then goto continue end
      if i * j > 20 then break end
      found[#found + 1] = i .. "x" .. j
      ::continue::
    end
  end
  local n, steps = 27, 0
  repeat
    n = n % 2 == 0 and n // 2 or 3 * n + 1
    steps = steps + 1
  until n == 1
  for i = 3, 1, -1 do found[#found + 1] = i end
  for x = 0.0, 1.0, 0.25 do found[#found + 1] = x end
  return table.concat(found, " ") .. steps
end

function M.queens()
  local solutions = 0
  local columns, up, down = {}, {}, {}
  local function place(row)
    if row > 5 then solutions = solutions + 1 return end
    for column = 1, 5 do
      if not (columns[column] or up[row + column] or down[row - column]) then
        columns[column], up[row + column], down[row - column] = true, true, true
        place(row + 1)
        columns[column], up[row + column], down[row - column] = nil, nil, nil
      end
    end
  end
  place(1)
  return solutions
end

function M.serializer()
  local function serialize(value)
    if type(value) ~= "table" then return ("%q"):format(value) end
    local keys, parts = {}, {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, key in ipairs(keys) do
      parts[i] = ("[%s]=%s"):format(serialize(key), serialize(value[key]))
    end
    return "{" .. table.concat(parts, ",") .. "}"
  end
  local data = { 1, 2.5, "three", { nested = { true, false } }, key = "v\n" }
  local text = serialize(data)
  local again = serialize(assert(load("return " .. text))())
  return text .. tostring(text == again)
end

function M.compiler()
  local parts = {}
  for i = 1, 5 do
    local chunk = assert(load(("local a = ... return a * %d + (%d // 2)"):format(i, i), "=c"))
    parts[i] = chunk(10)
  end
  parts[6] = tostring(load("return +"))
  local dumped = string.dump(function(x) return x * 2 end)
  parts[7] = load(dumped, "d", "b")(21)
  return table.concat(parts, " ")
end

function M.table_library()
  local list = {}
  for i = 1, 20 do table.insert(list, 1 + #list // 2, i) end
  for i = 1, 5 do table.insert(list, table.remove(list, i)) end
  table.move(list, 1, 5, 10)
  local hash = {}
  for i, value in ipairs(list) do hash["k" .. value] = i end
  for value = 1, 20, 2 do hash["k" .. value] = nil end
  local keys = {}
  for key in pairs(hash) do keys[#keys + 1] = key end
  table.sort(keys)
  return table.concat(list, " ") .. table.concat(keys, " ")
end

function M.sieve_and_memo()
  local composite, primes = {}, {}
  for i = 2, 60 do
    if not composite[i] then
      primes[#primes + 1] = i
      for j = i * i, 60, i do composite[j] = true end
    end
  end
  local memo = {}
  local function fib(n)
    if n < 2 then return n end
    memo[n] = memo[n] or fib(n - 1) + fib(n - 2)
    return memo[n]
  end
  local function ackermann(m, n)
    if m == 0 then return n + 1 end
    if n == 0 then return ackermann(m - 1, 1) end
    return ackermann(m - 1, ackermann(m, n - 1))
  end
  return table.concat(primes, " ") .. fib(40) .. ackermann(2, 2)
end

return M
