-- SPDX-License-Identifier: MIT
--
-- Jobs in line: each is in one line at most, and is taken out anywhere at no cost.

local M = {}

---A job's fields `prev` and `next` are its place in its line.
---@return table list with first and last, false if there is none, and n
function M.new()
  return { n = 0, first = false, last = false }
end

function M.append(list, job)
  local last = list.last
  if last then last.next = job else list.first = job end
  job.prev, job.next = last, false
  list.last = job
  list.n = list.n + 1
end

---Puts it in front of all others.
function M.prepend(list, job)
  local first = list.first
  if first then first.prev = job else list.last = job end
  job.prev, job.next = false, first
  list.first = job
  list.n = list.n + 1
end

function M.remove(list, job)
  local prev, next = job.prev, job.next
  if prev then prev.next = next else list.first = next end
  if next then next.prev = prev else list.last = prev end
  list.n = list.n - 1
end

return M
