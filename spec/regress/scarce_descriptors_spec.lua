-- SPDX-License-Identifier: MIT

--- Where descriptors are scarce: a thread that could not be started kept one for ever; and a pool
--- was given up while a worker that left still had those for the next one.
local process = require "spec.support.process"

describe("with few descriptors", function()
  it("threads that cannot be started keep none", function()
    local result = process.run([[
      local crun = require "crun"
      local function count()
        local list = io.popen("ls /proc/" .. crun.getpid() .. "/fd | wc -l")
        local text = list:read "a"
        list:close()
        return text
      end
      local function start_all()
        local threads, thread = {}, nil
        repeat
          thread = crun.Thread { target = crun.sleep, args = { 60 } }:start()
          threads[#threads + 1] = thread
        until not thread
        for _, each in ipairs(threads) do each:cancel() end
        for _, each in ipairs(threads) do each:join() end
      end
      start_all()
      local before, files = count(), {}
      for i = 1, 8 do
        files[i] = io.open "/dev/null"
        start_all()
      end
      for _, file in ipairs(files) do file:close() end
      print(count() == before)
    ]], { limit = "-n 40" })
    assert.equal("", result.err)
    assert.equal("true\n", result.out)
  end)

  it("a pool waits for those of workers that leave", function()
    local result = process.run([[
      local crun = require "crun"
      crun.to_thread(math.abs, -1)
      local files, file = {}, nil
      repeat
        file = io.open "/dev/null"
        files[#files + 1] = file
      until not file
      for _ = 1, 9 do table.remove(files):close() end -- for one worker
      local pool <close> = crun.ThreadPool(4, { max_jobs_per_worker = 1 })
      local function job(n)
        crun.spawn(crun.sleep, 0.02) -- for which the worker stays
        return n
      end
      print(table.concat(pool:map(job, { 1, 2, 3, 4, 5 }), " "))
    ]], { limit = "-n 60" })
    assert.equal("", result.err)
    assert.equal("1 2 3 4 5\n", result.out)
  end)
end)
