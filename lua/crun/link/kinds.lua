-- SPDX-License-Identifier: MIT
--
-- The kinds of messages of a link, and how a call of an object's method can end.

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

  REQUEST = 10,  -- aux: an object's number; method, client, ...
  REPLY = 11,    -- aux: one of the outcomes below; ...
  WITHDRAW = 12, -- the client of the REQUEST of that id was cancelled; it is answered all the same
  TALLY = 13,    -- tally: where the receiver counts the items that arrive
  DROP = 14,     -- number, times, ...: so often it was received as a proxy that is no more
  GONE = 15,     -- the task of that id, which has taken locks, has ended
  REFUSED = 16,  -- a message could not be read, nor what globals it brought

  FREE = 64,     -- from here on kinds belong to those who use the link

  -- Outcomes.
  VALUES = 0,    -- ...
  ITEM = 1,      -- an item, which is counted
  RAISED = 2,    -- err
  ENDED = 3,     -- reason, origin of a cancel error that the method raised
  WITHDRAWN = 4, -- nothing has happened
  DEAD = 5,      -- the link is over; never sent
}
