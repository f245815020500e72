-- SPDX-License-Identifier: MIT
-- Tiny jobs on a ThreadPool of two workers: see tinyjobs.lua.
-- usage: threadpool.lua [scale]

package.path = arg[0]:match "^(.-)[^/]*$" .. "?.lua;" .. package.path
require "tinyjobs" ("threadpool", "ThreadPool")
