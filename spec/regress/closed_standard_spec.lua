-- SPDX-License-Identifier: MIT

--- A program that was started without standard input had its first descriptor there, which libuv
--- refuses to close: it was aborted at its end.
local process = require "spec.support.process"

describe("a program without standard descriptors", function()
  it("has none of its own in their place", function()
    local path = process.script [[
      local crun = require "crun"
      local listener = assert(crun.net.listen("127.0.0.1", 0))
      listener:close()
      crun.sleep(0.001)
      print(crun.subprocess.run({ "cat", stdout = "pipe" }).stdout == "")
    ]]
    for _, missing in ipairs { "<&-", "<&- 2>&-", "2>&-" } do
      local result = process.command(process.line(path, missing))
      assert.equal("true\n", result.out)
      assert.equal(0, result.status)
    end
    assert.equal(0, process.command(process.line(path, "<&- >&- 2>&-")).status)
    os.remove(path)
  end)
end)
