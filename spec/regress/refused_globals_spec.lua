-- SPDX-License-Identifier: MIT

--- A job whose arguments could not be made in the worker took along the globals that had come with
--- its function: they counted as known there, and later jobs found nothing under their names.
local crun = require "crun"

describe("a job whose arguments cannot be made", function()
  local class = {}
  class.__index = class

  setup(function()
    package.loaded["spec.only_here"] = class
    function _G.helper_of_jobs() return 42 end
  end)

  teardown(function()
    package.loaded["spec.only_here"] = nil
    _G.helper_of_jobs = nil
  end)

  it("leaves the globals to the next one", function()
    local worker = crun.Thread {}
    worker:start()
    local use = load("return helper_of_jobs()")
    local ok, err = pcall(function() return worker:submit(use, setmetatable({}, class)):get() end)
    local worked, answer = pcall(function() return worker:submit(use):get() end)
    worker:cancel()
    worker:join()
    assert.is_false(ok)
    assert.matches("module 'spec.only_here' not found", tostring(err), 1, true)
    assert.is_true(worked, answer)
    assert.equal(42, answer)
  end)
end)
