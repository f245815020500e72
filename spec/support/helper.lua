-- SPDX-License-Identifier: MIT

--- busted's helper: every test starts from the hub's defaults and must leave nothing behind.
local busted = require "busted"
require "crun"
require "crun.testing"
-- Also what is loaded on first use: busted forgets with each file what that one has loaded, and a
-- module that is loaded twice has two of each class.
for _, path in ipairs(require("spec.support.files").list "lua/crun/*.lua lua/crun/*/*.lua") do
  require((path:gsub("^lua/", ""):gsub("/init%.lua$", ""):gsub("%.lua$", ""):gsub("/", ".")))
end
require "spec.support"
require "spec.support.process"
local gcstress = require "spec.support.gcstress"
local leaks = require "spec.support.leaks"

local before, title

local function full_name(element)
  local names = {}
  while element and element.name do
    table.insert(names, 1, tostring(element.name))
    element = busted.parent(element)
  end
  return table.concat(names, " ")
end

busted.subscribe({ "test", "start" }, function(element)
  title = full_name(element)
end)

busted.before_each(function()
  leaks.restore_defaults()
  gcstress.begin()
  before = leaks.snapshot()
end)

busted.after_each(function()
  gcstress.finish()
  leaks.restore_defaults()
  local left = leaks.list(before)
  if #left > 0 then
    leaks.clean_up()
    error(("'%s' left behind: %s"):format(title, table.concat(left, "; ")), 0)
  end
end)
