-- SPDX-License-Identifier: MIT
-- Tiny jobs on a ProcessPool of two workers: see tinyjobs.lua.
-- usage: procpool.lua [scale]

package.path = arg[0]:match "^(.-)[^/]*$" .. "?.lua;" .. package.path
require "tinyjobs" ("procpool", "ProcessPool")
