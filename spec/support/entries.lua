-- SPDX-License-Identifier: MIT

--- Every place where C calls back into Lua, as `body(callback)` that makes the C code call
--- `callback` and returns what came of it. `callback()` waits and returns "value", or waits and
--- raises. `expected` is what a callback that returns "value" must lead to. `swallows` marks the
--- entries whose own rules turn an error of the callback into something else.
local metamethods = require "spec.support.metamethods"

local M = {}

local function add(name, expected, body, swallows)
  M[#M + 1] = { name = name, expected = expected, body = body, swallows = swallows }
end

local object = metamethods.object

add("table.sort comparator", "1 2 3 4 5", function(callback)
  local list = { 3, 1, 5, 2, 4 }
  table.sort(list, function(a, b)
    callback()
    return a < b
  end)
  return table.concat(list, " ")
end)

add("table.sort over __lt", "1 2 3", function(callback)
  local mt = { __lt = function(a, b)
    callback()
    return a.n < b.n
  end }
  local list = {}
  for i, n in ipairs { 3, 1, 2 } do list[i] = setmetatable({ n = n }, mt) end
  table.sort(list)
  return ("%d %d %d"):format(list[1].n, list[2].n, list[3].n)
end)

add("string.gsub function", "value-value", function(callback)
  return (string.gsub("a-b", "%w", function() return callback() end))
end)

add("string.gsub table with __index", "value", function(callback)
  return (string.gsub("a", "%w", object { __index = function() return callback() end }))
end)

add("string.format %s of __tostring", "<value>", function(callback)
  return string.format("<%s>", object { __tostring = callback })
end)

add("tostring", "value", function(callback)
  return tostring(object { __tostring = callback })
end)

add("table.concat over __index", "value,value", function(callback)
  return table.concat(object { __index = function() return callback() end }, ",", 1, 2)
end)

add("table.concat over __len", "", function(callback)
  return table.concat(object { __len = function()
    callback()
    return 0
  end })
end)

add("table.unpack over __index", "value", function(callback)
  return (table.unpack(object { __index = function() return callback() end }, 1, 3))
end)

add("table.insert over __newindex", "value", function(callback)
  local got
  table.insert(object {
    __len = function() return 0 end,
    __newindex = function() got = callback() end,
  }, 1)
  return got
end)

add("table.move over __index", "value", function(callback)
  return table.move(object { __index = function() return callback() end }, 1, 1, 1, {})[1]
end)

add("table.remove over __index", "value", function(callback)
  return (table.remove(object {
    __len = function() return 0 end,
    __index = function() return callback() end,
  }, 0))
end)

add("pairs over __pairs", "value", function(callback)
  local got
  for key in pairs(object { __pairs = function()
    local key = callback()
    return function(_, last) if not last then return key end end
  end }) do got = key end
  return got
end)

add("ipairs over __index", "value", function(callback)
  local got
  for _, value in ipairs(object { __index = function(_, i)
    if i == 1 then return callback() end
  end }) do got = value end
  return got
end)

add("table.sort over __index", "1 2 3", function(callback)
  local inner = { 3, 1, 2 }
  local list = object {
    __len = function() return 3 end,
    __newindex = inner,
    __index = function(_, i)
      callback()
      return inner[i]
    end,
  }
  table.sort(list)
  return table.concat(inner, " ")
end)

add("os.time over __index", 3600, function(callback)
  local zero = os.time { year = 2001, month = 1, day = 1, hour = 0 }
  local date = object { __index = function(_, field)
    callback()
    return ({ year = 2001, month = 1, day = 1, hour = 1 })[field]
  end }
  return os.time(date) - zero
end)

add("string arithmetic", "value", function(callback)
  return "10" + object { __add = function() return callback() end }
end)

add("pcall", "value", function(callback)
  local ok, value = pcall(callback)
  if not ok then error(value, 0) end
  return value
end)

add("xpcall", "value", function(callback)
  local ok, value = xpcall(callback, function(err) return err end)
  if not ok then error(value, 0) end
  return value
end)

add("xpcall message handler", "value", function(callback)
  local ok, value = xpcall(error, function() return callback() end, "x")
  assert(not ok)
  return value
end, true)

add("error inside an xpcall handler's callee", "value", function(callback)
  local _, value = xpcall(function() local t = nil; return t.x end, function()
    return (select(2, pcall(callback)))
  end)
  return value
end, true)

add("coroutine.wrap", "value", function(callback)
  return coroutine.wrap(callback)()
end)

add("coroutine.resume", "value", function(callback)
  local ok, value = coroutine.resume(coroutine.create(callback))
  if not ok then error(value, 0) end
  return value
end)

add("generators nested three deep", "value value", function(callback)
  local function generator(depth)
    return coroutine.wrap(function()
      if depth == 0 then
        coroutine.yield(callback())
        coroutine.yield(callback())
      else
        for value in generator(depth - 1) do coroutine.yield(value) end
      end
    end)
  end
  local list = {}
  for value in generator(3) do list[#list + 1] = value end
  return table.concat(list, " ")
end)

add("coroutine.close running __close", "value", function(callback)
  local got
  local co = coroutine.create(function()
    local _ <close> = object { __close = function() got = callback() end }
    coroutine.yield()
  end)
  coroutine.resume(co)
  local ok, err = coroutine.close(co)
  if not ok then error(err, 0) end
  return got
end)

add("for iterator", "value", function(callback)
  local got
  for value in function(_, last) if not last then return callback() end end do got = value end
  return got
end)

add("for iterator's closing value", "value", function(callback)
  local got
  local closing = object { __close = function() got = callback() end }
  for key in next, { 1, 2 }, nil, closing do
    if key == 1 then break end
  end
  return got
end)

add("__close at the end of a block", "value", function(callback)
  local got
  do
    local _ <close> = object { __close = function() got = callback() end }
  end
  return got
end)

add("__close after an error", "value", function(callback)
  local got
  local ok, err = pcall(function()
    local _ <close> = object { __close = function() got = callback() end }
    error("x", 0)
  end)
  assert(not ok)
  if err ~= "x" then error(err, 0) end
  return got
end)

add("load's reader function", "value", function(callback)
  local part = 0
  local chunk, err = load(function()
    part = part + 1
    if part == 1 then return "return '" .. callback() end
    return part == 2 and "'" or nil
  end)
  if not chunk then error(err, 0) end
  return chunk()
end)

add("a chunk run by dofile", "value", function(callback)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write("return CALLBACK()")
  file:close()
  rawset(_G, "CALLBACK", callback)
  local ok, value = pcall(dofile, path)
  rawset(_G, "CALLBACK", nil)
  os.remove(path)
  if not ok then error(value, 0) end
  return value
end)

add("require: a module's body", "value", function(callback)
  local name = "spec.waiting.body"
  package.preload[name] = function() return callback() end
  local ok, value = pcall(require, name)
  package.preload[name], package.loaded[name] = nil, nil
  if not ok then error(value, 0) end
  return value
end)

add("require: a searcher", "value", function(callback)
  local name = "spec.waiting.searcher"
  local function searcher(wanted)
    if wanted == name then
      local value = callback()
      return function() return value end
    end
  end
  table.insert(package.searchers, 1, searcher)
  local ok, value = pcall(require, name)
  table.remove(package.searchers, 1)
  package.loaded[name] = nil
  if not ok then error(value, 0) end
  return value
end)

add("debug hook", "value", function(callback)
  local got, failure
  debug.sethook(function()
    debug.sethook()
    local ok, value = pcall(callback)
    if ok then got = value else failure = value end
  end, "", 1)
  local sum = 0
  for i = 1, 10 do sum = sum + i end
  debug.sethook()
  if failure ~= nil then error(failure, 0) end
  return got
end)

metamethods.each(add)

return M
