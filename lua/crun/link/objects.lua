-- SPDX-License-Identifier: MIT
--
-- What a link needs once an object has passed it. From here to there it serves (crun.link.serve),
-- from there to here it has proxies (crun.proxy); either is loaded when that happens first.

local kinds = require "crun.link.kinds"
local refer = require "crun.link.refer"

local M = {}

local function ready(link)
  if link.objects then return end
  refer.prepare(link)
  link.handlers[kinds.DROP] = function(self, _, _, ...) refer.dropped(self, ...) end
  link.objects = M
end

---The hooks of a port.
function M.refer(link, object)
  ready(link)
  return refer.refer(link, object)
end

function M.resolve(link, text)
  ready(link)
  return refer.resolve(link, text)
end

M.settle = refer.settle

---A message of these kinds whose values could not be made here.
function M.refuse(link, kind, id, aux, err)
  if kind == kinds.REPLY then
    require("crun.proxy").refuse(link, id, aux, err)
  else
    require("crun.link.serve").refuse(link, id, err)
  end
end

---The link is over.
function M.finish(link)
  if link.calls then require("crun.proxy").finish(link) end
  if link.serving then require("crun.link.serve").finish(link) end
  refer.finish(link)
end

return M
