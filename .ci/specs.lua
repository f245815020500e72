-- SPDX-License-Identifier: MIT
-- Runs busted inside whichever interpreter runs this file: `build/crun .ci/specs.lua`.
-- busted's own command starts another one by way of a shell, which loses quoting and a debugger
-- around it.
table.insert(arg, "--ignore-lua")
require "busted.runner" {standalone = false}
