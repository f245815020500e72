-- SPDX-License-Identifier: MIT

--- The structured clone of random values: the copy has the same shape, shared parts and cycles
--- included, whatever the values are.
local core = require "crun.core"
local random = require "spec.support.random"
local support = require "spec.support"

local function script(text, ...)
  return assert(load(text, "=script", "t", _G))(...)
end

-- Closures over a variable of their own, which two of them share.
local make_pair = script [[
  return function(value)
    return function() return value end, function(new) value = new end
  end
]]

local LEAVES = {
  function(next) return next(1000) - 500 end,
  function(next) return next(1 << 30) << next(33) end,
  function(next) return next(1 << 30) / next(1000) end,
  function(next) return ("s"):rep(next(300)) .. next(10) end,
  function(next) return string.char(next(256) - 1, next(256) - 1) end,
  function(next) return next(2) == 1 end,
  function() return string.format end,
  function() return math end,
  function(next) return ({ 0.0, -0.0, 1 / 0, -1 / 0, 2.0 ^ 60 })[next(5)] end,
}

--- A value of up to `size` objects that refer to each other at random.
local function build(next, size)
  local objects = {}
  local function any()
    if #objects == 0 or next(3) == 1 then return LEAVES[next(#LEAVES)](next) end
    return objects[next(#objects)]
  end
  for _ = 1, size do
    if next(8) == 1 then
      objects[#objects + 1], objects[#objects + 2] = make_pair(any())
    else
      objects[#objects + 1] = {}
    end
  end
  for _, object in ipairs(objects) do
    if type(object) == "table" then
      for i = 1, next(4) - 1 do object[i] = any() end
      for _ = 1, next(4) - 1 do object[any()] = any() end
      if next(6) == 1 then
        local meta = objects[next(#objects)]
        if type(meta) == "table" then setmetatable(object, meta) end
      end
    end
  end
  return objects
end

--- Keys in an order that both sides have: those that are told apart by their value. Other keys are
--- reached from elsewhere, as every object is in the list.
local function plain_keys(t)
  local keys, others = {}, 0
  for key in next, t do
    if type(key) == "table" or type(key) == "function" then
      others = others + 1
    else
      keys[#keys + 1] = key
    end
  end
  return keys, others
end

local function same_scalar(a, b)
  if a ~= b or math.type(a) ~= math.type(b) then return false end
  return a ~= 0 or math.type(a) == "integer" or 1 / a == 1 / b
end

--- Whether the two have the same shape; raises where they have not.
local function compare(a, b)
  local there, back, work = {}, {}, { { a, b } }
  local function pair(x, y)
    if type(x) ~= type(y) then error(("%s became %s"):format(type(x), type(y))) end
    if type(x) ~= "table" and type(x) ~= "function" then
      if not same_scalar(x, y) then error(("%s became %s"):format(x, y)) end
    elseif there[x] or back[y] then
      if there[x] ~= y or back[y] ~= x then error "shared otherwise than before" end
    else
      there[x], back[y] = y, x
      work[#work + 1] = { x, y }
    end
  end
  local function tables(x, y)
    local keys, others = plain_keys(x)
    local _, others_there = plain_keys(y)
    if others ~= others_there then error "other keys than before" end
    for _, key in ipairs(keys) do pair(rawget(x, key), rawget(y, key)) end
    for key in next, y do
      if type(key) ~= "table" and type(key) ~= "function" and rawget(x, key) == nil then
        error "more keys than before"
      end
    end
    pair(debug.getmetatable(x), debug.getmetatable(y))
  end
  local function functions(x, y)
    if x == string.format then return end
    for i = 1, 255 do
      local name, value = debug.getupvalue(x, i)
      local name_there, value_there = debug.getupvalue(y, i)
      if name ~= name_there then error "other variables than before" end
      if not name then return end
      pair(value, value_there)
    end
  end
  while #work > 0 do
    local x, y = table.unpack(table.remove(work))
    if x == math or x == string.format then
      if x ~= y then error "not by name" end
    elseif type(x) == "table" then
      tables(x, y)
    else
      functions(x, y)
    end
  end
  -- Keys that are objects: the same ones lead to the same values.
  for x, y in pairs(there) do
    if type(x) == "table" and x ~= math then
      for key, value in next, x do
        if there[key] and there[value] and rawget(y, there[key]) ~= there[value] then
          error "another value for a key"
        end
      end
    end
  end
end

local function detect(build_copy)
  local ok = pcall(function()
    local t = { 1, {}, { x = 1 } }
    t[4] = t[2]
    compare(t, build_copy(t))
  end)
  return not ok
end

describe("random values", function()
  it("are compared in earnest", function()
    assert.is_false(detect(function(t) return t end))
    assert.is_true(detect(function(t) return { 1, {}, { x = 1 }, {}, t and nil } end))
    assert.is_true(detect(function(t) return { 1.0, t[2], t[3], t[2] } end))
    assert.is_true(detect(function(t) return { 1, t[2], t[3], t[2], y = 1 } end))
    assert.is_true(detect(function() local e = {}; return { 1, e, { x = 2 }, e } end))
  end)

  it("arrive in the shape that they had", function()
    for seed = 1, support.scaled(600, 5) do
      local next = random.new(seed)
      local value = build(next, next(60))
      local ok, err = pcall(compare, value, core.decode(core.encode(value)))
      assert(ok, ("seed %d: %s"):format(seed, err))
    end
  end)

  it("are the same again after a second journey", function()
    for seed = 1, support.scaled(200, 5) do
      local next = random.new(-seed)
      local value = build(next, next(20))
      local twice = core.decode(core.encode(core.decode(core.encode(value))))
      local ok, err = pcall(compare, value, twice)
      assert(ok, ("seed %d: %s"):format(-seed, err))
    end
  end)

  it("closures stay joined", function()
    for seed = 1, support.scaled(100, 5) do
      local next = random.new(seed)
      local list = {}
      for i = 1, next(20) do
        local get, set = make_pair(i)
        table.insert(list, next(#list + 1), { get = get, set = set })
      end
      local copy = core.decode(core.encode(list))
      for i, pair in ipairs(copy) do pair.set(-i) end
      for i, pair in ipairs(copy) do
        assert.equal(-i, pair.get())
        assert.is_true(list[i].get() > 0)
      end
    end
  end)

  it("messages with random bytes changed give values or an error", function()
    -- A changed name is that of another module, which is not to be looked for on the disk.
    local searchers = package.searchers
    finally(function() package.searchers = searchers end)
    package.searchers = {}
    for seed = 1, support.scaled(300, 5) do
      local next = random.new(seed)
      local message = core.encode(build(next, next(20)))
      for _ = 1, 20 do
        local at = 12 + next(#message - 12)
        local broken = message:sub(1, at - 1) .. string.char(next(256) - 1) .. message:sub(at + 1)
        local ok, err = pcall(core.decode, broken)
        local promised = ok or err:find("bad message: ", 1, true) or err:find("not found", 1, true)
        assert(promised, ("seed %d: %s"):format(seed, err))
      end
    end
  end)
end)
