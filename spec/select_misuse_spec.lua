-- SPDX-License-Identifier: MIT

local crun = require "crun"
local net = require "spec.support.net"
local support = require "spec.support"

local select_of = crun.select

describe("select:", function()
  describe("misuse:", function()
    local queue, lock
    before_each(function() queue, lock = crun.Queue(), crun.Lock() end)

    local function refuses(words, make)
      it(words[#words], function()
        support.refuses(words, function() select_of(make()) end)
      end)
    end

    refuses({ "list of cases", "nil" }, function() end)
    refuses({ "list of cases", "'x'" }, function() return "x" end)
    refuses({ "nothing to wait for" }, function() return {} end)
    refuses({ "unknown option 'tiemout'" }, function()
      return { { queue, "get" }, tiemout = 1 }
    end)
    refuses({ "timeout", "'soon'" }, function() return { { queue, "get" }, timeout = "soon" } end)
    refuses({ "timeout", "nan" }, function() return { { queue, "get" }, timeout = 0 / 0 } end)
    refuses({ "default", "1" }, function() return { { queue, "get" }, default = 1 } end)
    refuses({ "case 1", "'x'" }, function() return { "x" } end)
    refuses({ "case 2", "true" }, function() return { { queue, "get" }, true } end)
    refuses({ "case 2", "nil" }, function() return { { queue, "get" }, nil, { lock } } end)
    refuses({ "case 1", "cannot wait for nil" }, function() return { {} } end)
    refuses({ "case 1", "cannot wait for 'q'" }, function() return { { "q", "get" } } end)
    refuses({ "case 1", "file (" }, function() return { { io.stdout, "read" } } end)
    refuses({ "case 2", "'get' or 'put'", "nothing" }, function()
      return { { lock }, { queue } }
    end)
    refuses({ "case 1", "'get' or 'put'", "'recv'" }, function() return { { queue, "recv" } } end)
    refuses({ "case 1", "'recv' or 'send'", "'get'" }, function()
      return { { crun.Channel(), "get" } }
    end)
    refuses({ "case 1", "'acquire'", "'get'" }, function() return { { lock, "get" } } end)
    refuses({ "case 1", "unknown element 3" }, function() return { { queue, "get", 1 } } end)
    refuses({ "case 1", "unknown element 'timeout'" }, function()
      return { { queue, "get", timeout = 1 } }
    end)
    refuses({ "case 1", "unknown element 4" }, function() return { { queue, "put", 1, 2 } } end)
    refuses({ "case 1", "unknown element 2" }, function() return { { 1, 2 } } end)
    refuses({ "case 1", "nan" }, function() return { { 0 / 0 } } end)
    refuses({ "case 1", "the calling task" }, function() return { { crun.current() } } end)

    it("leaves nothing behind", function()
      for _ = 1, 3 do
        pcall(select_of, { { queue, "put", {} }, { queue, "nonsense" } })
      end
      assert.equal(0, #queue)
      assert.equal(2, (select_of { { queue, "get" }, { queue, "put", 1 } }))
    end)
  end)

  describe("streams:", function()
    local function pair(title, body)
      it(title, function() net.with_pair(body) end)
    end

    pair("bytes to read make it ready, and stay where they are", function(client, server)
      local queue = crun.Queue()
      crun.spawn(function() client:write("hello\n") end)
      assert.same({ 2, true, n = 2 },
        table.pack(select_of { { queue, "get" }, { server, "read" }, timeout = 5 }))
      assert.equal(1, (select_of { { server, "read" }, default = true }))
      assert.equal("hello", server:read("l"))
      assert.equal(0, select_of { { server, "read" }, default = true })
    end)

    pair("so does the end, and a close", function(client, server)
      crun.spawn(function() client:shutdown() end)
      assert.equal(1, (select_of { { server, "read" }, timeout = 5 }))
      assert.is_nil((server:read("l")))
      assert.equal(1, (select_of { { server, "read" }, default = true }))
      crun.spawn(function() client:close() end)
      assert.same({ 1, nil, "ECLOSED: closed", "ECLOSED", n = 4 },
        table.pack(select_of { { client, "read" }, timeout = 5 }))
      assert.equal("ECLOSED", select(4, select_of { { client, "read" } }))
    end)

    pair("whoever leaves it lets others read", function(client, server)
      local queue = crun.Queue()
      assert.equal("ETIMEDOUT", select(3, select_of { { server, "read" }, timeout = 0.001 }))
      crun.spawn(function() queue:put(1) end)
      assert.equal(2, (select_of { { server, "read" }, { queue, "get" } }))
      client:write("x\n")
      assert.equal("x", server:read("l"))
    end)

    pair("what another task reads is refused", function(_, server)
      local reader = crun.spawn(function() server:read("l") end)
      crun.yield()
      support.refuses({ "case 1", "task#", "reads this stream" }, function()
        select_of { { server, "read" } }
      end)
      reader:cancel()
      reader:join()
      local event = crun.Event()
      local selecting = crun.spawn(select_of, { { event }, { server, "read" } })
      crun.yield()
      support.refuses({ "task#" }, function() server:read("l") end)
      event:set()
      selecting:join()
      support.refuses({ "case ", "reads this stream" }, function()
        select_of { { server, "read" }, { server, "read" } }
      end)
    end)
  end)
end)
