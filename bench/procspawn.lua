-- SPDX-License-Identifier: MIT
-- Milliseconds to start /bin/true and wait for its end, one after the other.
-- usage: procspawn.lua [scale]

local crun = require "crun"
local subprocess = crun.subprocess

local function run(n)
  local start = crun.now()
  for _ = 1, n do assert(assert(subprocess.run { "/bin/true" }).code == 0) end
  return (crun.now() - start) * 1e3 / n
end

run(20)
print(("RESULT procspawn crun ms=%.3f"):format(run(math.ceil(1000 * (tonumber(arg[1]) or 1)))))
