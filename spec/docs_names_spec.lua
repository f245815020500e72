-- SPDX-License-Identifier: MIT

--- The names in the documentation's tables are those of the module and its objects.
local api = require "spec.support.api"
local crun = require "crun"
local files = require "spec.support.files"

--- What the pages call the objects of the classes.
local CLASSES = {
  barrier = "Barrier", channel = "Channel", condition = "Condition", conn = "Connection",
  connection = "Connection", event = "Event", executor = "Executor",
  future = "Future", g = "Greenlet", greenlet = "Greenlet", group = "Group", jobs = "Queue",
  listener = "Listener", lock = "Lock", pool = "Pool", popen = "Popen", queue = "Queue",
  result = "subprocess.Result", rwlock = "RWLock", semaphore = "Semaphore", stream = "Stream",
  task = "Task", timer = "Timer", var = "ContextVar", wg = "WaitGroup",
}

--- Objects whose methods are found by asking them.
local function asked()
  local manager <close> = crun.Manager()
  return {
    thread = crun.Thread {}, process = crun.Process {}, Process = crun.Process,
    Thread = crun.Thread, manager = manager, value = manager:Value(0), list = manager:list(),
  }
end
local ASKED = asked()

--- A handle is what call_later returns, or what on_done does.
local EITHER = { handle = { "Handle", "Callback" } }

--- Fields that are nil until a script sets them, or in most processes.
local MOSTLY_NIL = { ["crun.on_error"] = true, ["crun.worker_id"] = true }

--- The code spans in the tables of a page, each with the number of its line.
local function spans(path)
  local list, number = {}, 0
  for line in io.lines(path) do
    number = number + 1
    if line:find("^|") then
      for code in line:gmatch("`([^`]+)`") do list[#list + 1] = { code = code, line = number } end
    end
  end
  return list
end

local function exists(name)
  if MOSTLY_NIL[name] then return true end
  local value = { crun = crun }
  for word in name:gmatch("[^.]+") do
    if type(value) ~= "table" then return true end -- a field of an object
    value = value[word]
    if value == nil then return name:find("^crun%.testing") and pcall(require, "crun.testing") end
  end
  return true
end

local methods = {}
for class, object in pairs(api.objects()) do methods[class] = api.methods(object) end

--- Whether objects that are called so have that method; nil: nobody knows such objects.
local function has(object, method)
  if ASKED[object] then return type(ASKED[object][method]) == "function" end
  local classes = EITHER[object] or { CLASSES[object] }
  if #classes == 0 then return nil end
  for _, class in ipairs(classes) do
    if methods[class][method] then return true end
  end
  return false
end

describe("the names in the tables of", function()
  for _, page in ipairs(files.list "README.md docs/*.md") do
    it(page .. " exist", function()
      local wrong = {}
      local function check(span, name, fine)
        if not fine then wrong[#wrong + 1] = ("%s:%d: %s"):format(page, span.line, name) end
      end
      for _, span in ipairs(spans(page)) do
        for name in span.code:gmatch("%f[%w_./]crun%.[%a_][%w_.]*") do
          check(span, name, exists(name))
        end
        for object, method in span.code:gmatch("%f[%w_]([%a_]+):([%a_]+)%(") do
          check(span, object .. ":" .. method, has(object, method))
        end
      end
      assert.same({}, wrong)
    end)
  end

  it("every error code of crun's own is on the page about errors", function()
    local page = files.read("docs/errors.md")
    local header = files.read("runtime/include/crun/error.h")
    local count = 0
    for code in header:gmatch("X%((E%u+),") do
      count = count + 1
      assert.is_truthy(page:find("`" .. code .. "`", 1, true), code)
    end
    assert.is_true(count >= 12)
  end)

  it("no page could be invented", function()
    assert.is_truthy(exists("crun.net.connect"))
    assert.is_falsy(exists("crun.net.disconnect"))
    assert.is_falsy(exists("crun.go"))
    assert.is_true(has("queue", "get"))
    assert.is_false(has("queue", "recv"))
    assert.is_true(has("handle", "when"))
    assert.is_true(has("handle", "remove"))
    assert.is_nil(has("unheard", "of"))
  end)
end)
