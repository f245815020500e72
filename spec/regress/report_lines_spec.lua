-- SPDX-License-Identifier: MIT

--- The report of a failure that has no traceback ended with an empty line.
local process = require "spec.support.process"

it("a report without a traceback is one line", function()
  local result = process.run [[
    local crun = require "crun"
    local pool <close> = crun.ThreadPool(1)
    pool:submit(function() return coroutine.create(print) end)
  ]]
  assert.matches("^crun: a Future failed: [^\n]*thread cannot be sent[^\n]*\n$", result.err)
end)
