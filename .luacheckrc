-- SPDX-License-Identifier: MIT
std = "lua54"
max_line_length = 100
exclude_files = {"build", "docs/luals"}
files["spec/**/*_spec.lua"] = {std = "+busted"}
files["spec/support/**/*.lua"] = {std = "+busted"}
files[".luacheckrc"] = {std = "+luacheckrc"}
