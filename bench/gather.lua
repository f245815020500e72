-- SPDX-License-Identifier: MIT
-- Milliseconds for crun.gather of 10,000 tasks that sleep 10 ms each, starting them included.
-- first_ms: the first round, in a cold process.

local crun = require "crun"

local function task() crun.sleep(0.01) end

local rounds, times = 21, {}
for round = 1, rounds do
  local start, list = crun.now(), {}
  for i = 1, 10000 do list[i] = task end
  crun.gather(list)
  times[round] = (crun.now() - start) * 1e3
end
local first = times[1]
table.sort(times)
print(("RESULT gather crun ms=%.2f first_ms=%.2f"):format(times[rounds // 2 + 1], first))
