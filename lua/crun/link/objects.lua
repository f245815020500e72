-- SPDX-License-Identifier: MIT
--
-- What a link needs once an object has passed it, from here to there or from there to here.

local kinds = require "crun.link.kinds"
local proxy = require "crun.proxy"
local refer = require "crun.link.refer"
local serve = require "crun.link.serve"

local M = {}

local handlers = {
  [kinds.REQUEST] = serve.request,
  [kinds.REPLY] = proxy.reply,
  [kinds.WITHDRAW] = serve.withdraw,
  [kinds.TALLY] = function(link, _, _, tally) link.tally = tally end,
  [kinds.GONE] = serve.gone,
  [kinds.DROP] = function(link, _, _, ...) refer.dropped(link, ...) end,
}

---Makes the link ready for objects.
---Switches: never.
---@param link table
function M.prepare(link)
  refer.prepare(link)
  serve.prepare(link)
  proxy.prepare(link)
  for kind, handler in pairs(handlers) do link.handlers[kind] = handler end
  link.objects = M
end

---The hooks of a port.
function M.refer(link, object)
  if not link.objects then M.prepare(link) end
  return refer.refer(link, object)
end

function M.resolve(link, text)
  if not link.objects then M.prepare(link) end
  return refer.resolve(link, text)
end

M.settle = refer.settle

---A message of these kinds whose values could not be made here.
function M.refuse(link, kind, id, aux, err)
  if kind == kinds.REPLY then
    proxy.refuse(link, id, aux, err)
  else
    serve.refuse(link, id, err)
  end
end

---The link is over.
function M.finish(link)
  proxy.finish(link)
  serve.finish(link)
  refer.finish(link)
end

return M
