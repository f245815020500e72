-- SPDX-License-Identifier: MIT
-- From the values measured to medians, ratios, the table and the JSON.

local collect = require "harness.collect"
local peers = require "harness.peers"

local M = {}

-- Of the repetitions: the median, or the best, which is what is left when all noise only ever adds.
local function typical(values, metric, best)
  if not values then return nil end
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  if best then return sorted[metric.higher and #sorted or 1] end
  local middle = #sorted // 2
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

-- The best figure of the peers that are runtimes, and whose it is.
local function best_rival(figures, metric)
  local best, whose
  for name, value in pairs(figures) do
    if not name:find "^crun" and not peers.is_bound(name) then
      if not best or (metric.higher and value > best) or (not metric.higher and value < best) then
        best, whose = value, name
      end
    end
  end
  return best, whose
end

local function judge(target, metric, figures)
  local own = figures.crun
  if not own then return nil end
  if target.value then
    local reached = own <= target.value
    if metric.higher then reached = own >= target.value end
    return { limit = target.value, measured = own, reached = reached }
  end
  local other, whose = figures[target.peer], target.peer
  if whose == "others" then other, whose = best_rival(figures, metric) end
  if not other then return nil end
  local ratio = own / other
  local reached = ratio <= target.ratio
  if metric.higher then reached = ratio >= target.ratio end
  return { peer = whose, limit = target.ratio, measured = ratio, reached = reached }
end

--- One row of the table.
---@class bench.Row
---@field bench string
---@field metric bench.Metric
---@field figures table<string, number> subject -> median or best
---@field values table<string, number[]>
---@field verdicts { peer: string?, limit: number, measured: number, reached: boolean }[]
---@field disturbed table<string, boolean>

--- The rows of a bench: one for each figure that crun printed.
---@param result bench.Result
---@param best boolean whether the best of the repetitions counts and not their median
---@return bench.Row[]
function M.rows(result, best)
  local rows = {}
  for _, metric in ipairs(result.bench.metrics) do
    local row = {
      bench = result.bench.name, metric = metric,
      figures = {}, values = {}, verdicts = {}, disturbed = {},
    }
    for _, name in ipairs(result.order) do
      local values = (result.values[name] or {})[metric.key]
      row.values[name], row.figures[name] = values, typical(values, metric, best)
      for _, share in ipairs(result.shares[name] or {}) do
        if collect.disturbed(result.bench, share) then row.disturbed[name] = true end
      end
    end
    for _, target in ipairs(metric.targets or {}) do
      row.verdicts[#row.verdicts + 1] = judge(target, metric, row.figures)
    end
    rows[#rows + 1] = row
  end
  return rows
end

local function figure(value)
  if not value then return "-" end
  if value >= 1000 then return ("%.0f"):format(value) end
  return (value >= 100 and "%.1f" or value >= 1 and "%.2f" or "%.3f"):format(value)
end

local function ratio_cell(row)
  local parts = {}
  for i, verdict in ipairs(row.verdicts) do
    local sign = row.metric.higher and ">=" or "<="
    if verdict.peer then
      parts[i] = ("%.2f %s (%s %.2f)"):format(verdict.measured, verdict.peer, sign, verdict.limit)
    else
      parts[i] = ("%s (%s %s)"):format(figure(verdict.measured), sign, figure(verdict.limit))
    end
  end
  return #parts > 0 and table.concat(parts, ", ") or "-"
end

local function reached_cell(row)
  if #row.verdicts == 0 then return "-" end
  for _, verdict in ipairs(row.verdicts) do
    if not verdict.reached then return "no" end
  end
  return "yes"
end

-- crun, other builds of it, then the peers, if any row has a figure for them.
local function columns(rows, ours)
  local list, names = {}, {}
  for _, entry in ipairs(ours) do names[#names + 1] = entry.name end
  for _, name in ipairs(peers.names()) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    for _, row in ipairs(rows) do
      if row.figures[name] then
        list[#list + 1] = name
        break
      end
    end
  end
  return list
end

local function lay_out(cells)
  local widths, lines = {}, {}
  for _, line in ipairs(cells) do
    for i, cell in ipairs(line) do widths[i] = math.max(widths[i] or 3, #cell) end
  end
  for number, line in ipairs(cells) do
    local parts, rule = {}, {}
    for i, cell in ipairs(line) do
      local left = i == 1 or i == 4
      local fill = (" "):rep(widths[i] - #cell)
      parts[i] = left and cell .. fill or fill .. cell
      rule[i] = ("-"):rep(widths[i] + 1) .. (left and "-" or ":")
    end
    lines[#lines + 1] = "| " .. table.concat(parts, " | ") .. " |"
    if number == 1 then lines[#lines + 1] = "|" .. table.concat(rule, "|") .. "|" end
  end
  return table.concat(lines, "\n")
end

--- The table, as text that is Markdown too.
---@param rows bench.Row[]
---@param ours { name: string }[] the names of the crun programs
---@return string
function M.table(rows, ours)
  local names = columns(rows, ours)
  local head = { "bench", "unit", "crun", "ratio to peer (target)", "reached" }
  local others = {}
  for _, name in ipairs(names) do
    if name ~= "crun" then
      head[#head + 1] = name
      others[#others + 1] = name
    end
  end
  local cells = { head }
  for _, row in ipairs(rows) do
    local function cell(name)
      return figure(row.figures[name]) .. (row.disturbed[name] and row.figures[name] and "*" or "")
    end
    local line = {
      row.metric.label, row.metric.unit, cell "crun", ratio_cell(row), reached_cell(row),
    }
    for _, name in ipairs(others) do line[#line + 1] = cell(name) end
    cells[#cells + 1] = line
  end
  return lay_out(cells)
end

--- The rows as plain data for JSON.
---@param rows bench.Row[]
---@return table
function M.data(rows)
  local list = {}
  for i, row in ipairs(rows) do
    local subjects = {}
    for name, value in pairs(row.figures) do
      subjects[name] = {
        figure = value, values = row.values[name], disturbed = row.disturbed[name] or false,
      }
    end
    list[i] = {
      bench = row.bench, metric = row.metric.key, label = row.metric.label, unit = row.metric.unit,
      better = row.metric.higher and "higher" or "lower",
      subjects = subjects, targets = row.verdicts,
    }
  end
  return list
end

return M
