-- SPDX-License-Identifier: MIT

--- Options that were found to be bad only after the pipes had been opened left descriptors behind,
--- and an error with the position of crun's own line; and a pipeline ended at the first hole of its
--- list without a word.
local core = require "crun.core"
local crun = require "crun"

local subprocess = crun.subprocess

local function refused(text, fn, options)
  local ok, err = pcall(function() return (fn(options)) end)
  assert.is_false(ok)
  assert.matches("subprocess_options_spec", err)
  assert.matches(text, err, 1, true)
end

describe("options of a child", function()
  it("are checked before anything is opened", function() -- what stays open fails any test
    local reading, writing = core.pipe()
    local closed = core.stream_open(reading)
    core.close_fd(writing)
    closed:close()
    for option, values in pairs {
      cwd = { "a\0b" }, executable = { "a\0b" }, stdout = { -1, 1 << 31, closed },
    } do
      for _, value in ipairs(values) do
        for _, name in ipairs { "run", "Popen" } do
          local options = { "true", stdin = "null", stderr = "pipe", [option] = value }
          refused(("bad argument #1 to '%s' (option '%s': "):format(name, option),
            subprocess[name], options)
        end
      end
    end
  end)

  it("allow every number of bytes that can be read", function()
    refused("option 'max_output'", subprocess.run, { "true", max_output = math.maxinteger })
    local result = subprocess.run { "echo", "a", stdout = "pipe", max_output = math.maxinteger - 1 }
    assert.equal("a\n", result.stdout)
  end)
end)

describe("a pipeline", function()
  it("is refused with holes", function()
    for text, list in pairs {
      ["command 2: table expected, got nil"] = { { "true" }, nil, { "true" } },
      ["command 2: table expected, got string"] = { { "true" }, "true" },
      ["command 1: table expected, got nil"] = { [2] = { "true" } },
    } do
      refused(("bad argument #1 to 'pipeline' (%s)"):format(text), subprocess.pipeline, list)
    end
  end)
end)
