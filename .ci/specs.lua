-- SPDX-License-Identifier: MIT
-- Runs busted inside whichever interpreter runs this file: `build/crun .ci/specs.lua`, `lua5.4 .ci/specs.lua`.
-- busted's own command re-executes itself by way of a shell instead, which loses quoting and a debugger around it.
table.insert(arg, "--ignore-lua")
require "busted.runner" {standalone = false}
