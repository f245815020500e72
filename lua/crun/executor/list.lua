-- SPDX-License-Identifier: MIT
--
-- Jobs in line: each is in one line at most, and is taken out anywhere at no cost.

local M = {}

---A job's fields `prev` and `next` are its place in its line.
---@return table list with first and last, false if there is none, and n
function M.new()
  return { n = 0, first = false, last = false }
end

---Puts it between two jobs of the list; false: there is none.
function M.insert(list, prev, job, next)
  job.prev, job.next = prev, next
  if prev then prev.next = job else list.first = job end
  if next then next.prev = job else list.last = job end
  list.n = list.n + 1
end

function M.append(list, job)
  return M.insert(list, list.last, job, false)
end

---Puts it in front of all others.
function M.prepend(list, job)
  return M.insert(list, false, job, list.first)
end

function M.remove(list, job)
  local prev, next = job.prev, job.next
  if prev then prev.next = next else list.first = next end
  if next then next.prev = prev else list.last = prev end
  list.n = list.n - 1
end

return M
