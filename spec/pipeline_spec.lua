-- SPDX-License-Identifier: MIT

local children = require "spec.support.children"
local crun = require "crun"
local leaks = require "spec.support.leaks"
local support = require "spec.support"

local refuses = support.refuses
local subprocess = crun.subprocess
local pipeline = subprocess.pipeline

--- Seconds after which something that should take none has gone wrong.
local AGES = 20

describe("subprocess.pipeline", function()
  it("connects programs", function()
    local result = pipeline { { "sort" }, { "uniq", "-c" }, { "tr", "-d", " " },
      input = "b\na\nb\n", stdout = "pipe" }
    assert.equal("1a\n2b\n", result.stdout)
    assert.equal(0, result.code)
    assert.equal("crun.subprocess.Result: sort | uniq -c | tr -d ' ' exited with 0",
      tostring(result))
    assert.equal("x\n", pipeline({ { "echo", "x" }, stdout = "pipe" }).stdout)
  end)

  it("passes much through many", function()
    local stages = { input = ("0123456789\n"):rep(support.scaled(200000, 20000)), stdout = "pipe" }
    for i = 1, 6 do stages[i] = { "cat" } end
    assert.is_true(pipeline(stages).stdout == stages.input)
  end)

  it("tells how each stage ended, the last that failed for all", function()
    local result = pipeline { { "sh", "-c", "exit 3" }, { "sh", "-c", "exit 4" }, { "true" } }
    assert.equal(4, result.code)
    assert.same({ 3, 4, 0 },
      { result.stages[1].code, result.stages[2].code, result.stages[3].code })
    result = pipeline { { "sh", "-c", "kill $$" }, { "cat", stderr = "null" } }
    assert.same({ -15, 15 }, { result.code, result.signal })
    local err = support.raised(pipeline, { { "false" }, { "cat" }, check = true })
    assert.equal("false | cat exited with 1", tostring(err))
  end)

  it("takes it for no failure that a stage had read enough", function()
    local result = pipeline { { "yes" }, { "head", "-n", "2" }, stdout = "pipe" }
    assert.same({ "y\ny\n", 0 }, { result.stdout, result.code })
    assert.equal(subprocess.signals.SIGPIPE, result.stages[1].signal)
  end)

  it("gives stages what is theirs", function()
    local result = pipeline {
      { "sh", "-c", "echo $A; pwd; echo first >&2", env = { A = "a", PATH = "/bin:/usr/bin" } },
      { "cat; echo $B; pwd; echo second >&2", shell = true, cwd = "/bin/.." },
      cwd = "/", env = { B = "b", PATH = "/bin:/usr/bin" }, capture_output = true,
    }
    local pwd = result.stdout:match "\n([^\n]*)\n$"
    assert.equal("a\n/\nb\n" .. pwd .. "\n", result.stdout)
    assert.equal("first\nsecond\n", result.stderr)
    assert.equal("first\n", result.stages[1].stderr)
    result = pipeline { { "sh", "-c", "echo out; echo err >&2", stderr = "stdout" }, { "sort" },
      stdout = "pipe" }
    assert.equal("err\nout\n", result.stdout)
  end)

  it("kills all when the time is over or the caller is cancelled", function()
    local before = children.count()
    local result, message, code, killed =
      pipeline { { "cat" }, { "sleep", "100" }, { "cat" }, stdin = "null", stdout = "pipe",
        timeout = 0.05 }
    assert.same({ nil, "ETIMEDOUT: timed out", "ETIMEDOUT" }, { result, message, code })
    assert.equal(3, #killed.stages)
    local task = crun.spawn(pipeline, { { "sleep", "100" }, { "cat" }, stdout = "pipe" })
    crun.yield()
    task:cancel()
    task:join()
    assert.is_true(task:cancelled())
    assert.equal(before, children.count())
  end)

  it("kills all when one writes without end", function()
    local before = children.count()
    assert.equal("EMSGSIZE",
      select(3, pipeline { { "yes" }, { "cat" }, stdout = "pipe", max_output = 100000 }))
    assert.equal(before, children.count())
  end)

  it("starts all or none", function()
    local before, alive = leaks.snapshot(), children.count()
    for _ = 1, 5 do
      local result, message, code =
        pipeline { { "sleep", "100" }, { "no-such-program" }, { "cat" }, input = "x",
          capture_output = true }
      assert.same({ nil, "ENOENT: no such file or directory: no-such-program", "ENOENT" },
        { result, message, code })
    end
    assert.same({}, leaks.list(before))
    assert.equal(alive, children.count())
  end)

  it("says what is wrong with its arguments", function()
    refuses({ "table expected" }, function() pipeline("ls") end)
    refuses({ "list of commands" }, function() pipeline {} end)
    refuses({ "table expected, got string" }, function() pipeline { "ls" } end)
    refuses({ "a program expected" }, function() pipeline { {} } end)
    refuses({ "unknown option 'stdin'" }, function() pipeline { { "ls", stdin = "null" } } end)
    refuses({ "unknown option 'shell'" }, function() pipeline { { "ls" }, shell = true } end)
    refuses({ "'timeout'" }, function() pipeline { { "ls" }, timeout = true } end)
    assert.equal(0, pipeline({ { "true" }, timeout = AGES }).code)
  end)
end)
