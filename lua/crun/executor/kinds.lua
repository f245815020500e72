-- SPDX-License-Identifier: MIT
--
-- The kinds of messages between a pool and its workers; see link/kinds.lua for those below.
--
-- A job has a number, which is also its claim on the board of its worker. `call` numbers the
-- function of a map; 0: the function comes with the job.

return {
  CALL = 64,      -- to the worker, id: call; fn
  FORGET = 65,    -- id: call, of which no job comes any more
  JOB = 66,       -- id: job, aux: call; [fn,] ...
  CHUNK = 67,     -- id: job, aux: call; n, list of n inputs: fn(input) for each
  SPREAD = 68,    -- id: job, aux: call; n, list of n lists: fn(table.unpack(list)) for each
  CANCEL = 69,    -- id: job; reason, origin
  RESULT = 70,    -- to the pool, id: job; ...
  ERROR = 71,     -- id: job; err, traceback
  CANCELLED = 72, -- id: job; reason, origin
}
