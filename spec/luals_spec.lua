-- SPDX-License-Identifier: MIT

--- docs/luals/library tells editors what the module has: the same names, no more and no less, each
--- with a comment that says whether it may wait, and with its parameters.
local api = require "spec.support.api"
local crun = require "crun"
local files = require "spec.support.files"

local LIBRARY = "docs/luals/library/"

--- What the module has for its own faces and for tests, and nobody else.
local INTERNAL = {
  "advance", "cancel_each", "child", "claims", "claims_at", "claims_open", "claims_share",
  "classify", "clock", "close_fd", "completion", "copy_list", "decode", "describe", "drain",
  "encode", "environ", "first_results", "is_terminal", "launch", "on_end", "outcomes", "outlast",
  "partition", "pipe", "pool", "port_attach", "port_drop", "port_open", "port_pair", "remote",
  "schedule", "signal_watch", "signals", "socketpair", "spawn_for", "stack_budget", "stats",
  "stream_open", "thread_start", "wait_tasks", "workers",
}

--- Fields that the files declare as such.
local FIELDS = {
  "Error", "Process", "Thread", "_NAME", "_VERSION", "draining", "net", "subprocess",
}

local function names(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- The classes of a file: for each its functions by name, with comment and parameters.
local function read(file, classes)
  local class, comment = nil, {}
  local locals = {}
  for line in io.lines(LIBRARY .. file) do
    local kind, parent = line:match("^%-%-%-@class crun%.?([%w.]*)%s*:?%s*c?r?u?n?%.?(%w*)")
    local object, sep, name, params = line:match("^function (%w+)([.:])([%w_]+)%((.-)%) end$")
    if kind then
      class = { parent = parent ~= "" and parent or nil, functions = {} }
      classes[kind] = class
    elseif line:find("^local ") then
      locals[line:match("^local (%w+)")] = class
    elseif name then
      local functions = locals[object].functions
      functions[name] = {
        comment = table.concat(comment, "\n"), params = params, sep = sep,
        where = file .. ": " .. name,
      }
    end
    if line:find("^%-%-%-") then comment[#comment + 1] = line else comment = {} end
  end
end

local classes = {}
for _, file in ipairs(files.list(LIBRARY)) do read(file, classes) end

local function declared(class)
  local set = {}
  while class do
    for name in pairs(class.functions) do set[name] = true end
    class = classes[class.parent]
  end
  return sorted(set)
end

--- The parameters of a function in Lua, as they are written; nil for one in C.
local function written(fn, sep)
  local info = debug.getinfo(fn, "Su")
  if info.what == "C" then return nil end
  local list = {}
  for i = 1, info.nparams do
    if i > 1 or sep == "." then list[#list + 1] = debug.getlocal(fn, i) end
  end
  if info.isvararg then list[#list + 1] = "..." end
  return table.concat(list, ", ")
end

local function functions_of(object)
  local set = {}
  for name, value in pairs(object) do
    if type(value) == "function" then set[name] = true end
  end
  return set
end

local function check_parameters(class, object)
  for name, entry in pairs(class.functions) do
    local own = object[name] and written(object[name], entry.sep)
    -- One that takes anything hands it on to where the parameters have names.
    if own and own ~= "..." and name ~= "gather" then
      -- What is there to be refused is not told.
      local refused = entry.params:find("...", 1, true) == nil and ", %.%.%.$" or "^$"
      assert.equal((own:gsub(refused, "")), entry.params, entry.where)
    end
  end
end

describe("the definitions for editors", function()
  it("have the functions of the module", function()
    for _, name in ipairs(require "crun.lazy".names()) do
      pcall(function() return crun[name] end)
    end
    local public = functions_of(crun)
    for _, name in ipairs(INTERNAL) do
      assert.is_truthy(crun[name], name .. " is no internal name any more")
      public[name] = nil
    end
    public.on_error = nil
    assert.same(sorted(public), declared(classes[""]))
    for _, name in ipairs(FIELDS) do assert.is_truthy(crun[name]) end
    local rest = {}
    local known, fields, internal = names(declared(classes[""])), names(FIELDS), names(INTERNAL)
    for name in pairs(crun) do
      if not (known[name] or fields[name] or internal[name] or name == "on_error") then
        rest[#rest + 1] = name
      end
    end
    assert.same({}, rest)
    check_parameters(classes[""], crun)
  end)

  local modules = {
    net = crun.net, subprocess = crun.subprocess, testing = require "crun.testing",
  }
  for name, module in pairs(modules) do
    it("have the functions of crun." .. name, function()
      assert.same(sorted(functions_of(module)), declared(classes[name]))
      check_parameters(classes[name], module)
    end)
  end

  for name, object in pairs(api.objects()) do
    it("have the methods of " .. name, function()
      local methods = api.methods(object)
      assert.same(sorted(functions_of(methods)), declared(classes[name]))
      check_parameters(classes[name], methods)
    end)
  end

  it("say of each function what it does, and what its parameters are", function()
    for _, class in pairs(classes) do
      for _, entry in pairs(class.functions) do
        local comment = entry.comment
        assert.is_truthy(comment:find("[mM]ay\n?[- ]*wait") or comment:find("Never\n?[- ]*waits"),
          entry.where .. " does not say whether it waits")
        for param in entry.params:gmatch("[%w_.]+") do
          local plain = param == "..." and "%.%.%." or param
          assert.is_truthy(comment:find("@param " .. plain .. "%?? "),
            entry.where .. " has no @param " .. param)
        end
      end
    end
  end)

  it("are Lua that does nothing", function()
    for _, file in ipairs(files.list(LIBRARY)) do
      local env = { require = function(name) return name end }
      assert.is_truthy(pcall(assert(loadfile(LIBRARY .. file, "t", env))), file)
    end
  end)
end)
