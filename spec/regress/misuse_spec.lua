-- SPDX-License-Identifier: MIT

local crun = require "crun"

-- Misuse that was told of without its value, at a line of crun's own, or not at all.
describe("misuse", function()
  local function message(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return err
  end

  for _, name in ipairs { "Queue", "LifoQueue", "PriorityQueue" } do
    it("of the size of a " .. name .. " names the value", function()
      for value, text in pairs { [-1] = "-1", [1.5] = "1.5", [math.huge] = "inf" } do
        local err = message(function() crun[name](value) end)
        assert.truthy(err:find("misuse_spec.lua:%d+: bad argument #1"), err)
        assert.truthy(err:find("(an integer >= 0 expected, got " .. text .. ")", 1, true), err)
      end
      assert.equal(2, crun[name](2.0):maxsize())
    end)
  end

  it("of a window for a pool names the value", function()
    local err = message(function() crun.Pool(1, { window = 0 }) end)
    assert.truthy(err:find("option 'window': an integer >= 1 expected, got 0", 1, true), err)
  end)

  it("of a second list for a pool", function()
    local pool = crun.Pool(1)
    for _, name in ipairs { "map", "imap", "imap_unordered" } do
      local err = message(function() pool[name](pool, print, { 1 }, { 2 }) end)
      local text = "bad argument #3 to '" .. name .. "' (nothing expected after a list, got table)"
      assert.truthy(err:find("misuse_spec.lua:%d+: "), err)
      assert.truthy(err:find(text, 1, true), err)
    end
  end)

  it("of dump with what cannot be written to", function()
    local err = message(function() crun.dump({}) end)
    assert.truthy(err:find("misuse_spec.lua:%d+: bad argument #1 to '%w+' %(file expected"), err)
  end)

  it("of a Timer's methods without a Timer", function()
    local timer = crun.Timer(1, print)
    for _, name in ipairs { "start", "cancel", "join", "is_alive" } do
      local err = message(function() timer[name]() end)
      assert.truthy(err:find("misuse_spec.lua:%d+: calling '" .. name .. "' on bad self"), err)
      err = message(function() timer[name]({}) end)
      assert.truthy(err:find("(crun.Timer expected, got table)", 1, true), err)
    end
  end)

  it("of a Timer's join with what are no seconds", function()
    local started = crun.Timer(0, function() end)
    started:start()
    local err = message(function() started:join("soon") end)
    assert.truthy(err:find("misuse_spec.lua:%d+: bad argument #1 to 'join'"), err)
    started:join()
  end)

  it("of run by the task that it is to wait for", function()
    local ok, err = pcall(function() crun.run(crun.current()) end)
    assert.is_false(ok)
    assert.truthy(err:find("misuse_spec.lua:%d+: a task cannot wait for itself"), err)
  end)
end)

-- A task spawned through pcall was said to be spawned at [C]:-1.
describe("a task spawned by a C function", function()
  it("was spawned where a function in Lua called that", function()
    local _, task = pcall(crun.spawn, crun.sleep, 60)
    crun.yield()
    assert.truthy(crun.dump_string():find("spawned at [^\n]*misuse_spec.lua:%d+"))
    task:cancel()
    task:join()
  end)
end)
