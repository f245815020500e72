-- SPDX-License-Identifier: MIT
--
-- The messages between the master of `crun --workers` and its workers.

return {
  SETUP = 1, -- to the worker, first: { grace = seconds }
  DRAIN = 2, -- to the worker: come to an end
  LISTEN = 3, -- to the master: id; host, port, options
  LISTENER = 4, -- to the worker: id, OPENED and the Listener, or FAILED, RAISED and why
  READY = 5, -- to the master: it has a socket, and waits for something
  OPENED = 0,
  FAILED = 1,
  RAISED = 2,
}
