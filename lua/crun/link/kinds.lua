-- SPDX-License-Identifier: MIT
--
-- The kinds of messages of a link.

return {
  INIT = 1,      -- info: what a worker is told first
  RUN = 2,       -- fn, ...: call it, and answer with one of the next three under the same id
  RESULT = 3,    -- ...
  ERROR = 4,     -- err, traceback
  CANCELLED = 5, -- reason, origin
  CALL = 6,      -- fn, ...: call it
  CANCEL = 7,    -- reason, origin: of the RUN of that id
  FINISH = 8,    -- nothing more will be asked
  CLOSE = 9,     -- goodbye
  FREE = 64,     -- from here on kinds belong to those who use the link
}
