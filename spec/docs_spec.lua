-- SPDX-License-Identifier: MIT

--- The documentation's Lua snippets are whole scripts: each one runs, and prints what the text
--- block below it shows. "```lua exit=N" announces an exit status of `crun` other than 0, and
--- "```lua spec" a file for busted.
local files = require "spec.support.files"
local process = require "spec.support.process"

-- The fenced blocks of a page: info string, text, line number of the fence.
local function blocks(text)
  local list, open, number = {}, nil, 0
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    local info = line:match("^```(.*)$")
    if info and open then
      open.text = table.concat(open, "\n") .. "\n"
      list[#list + 1] = open
      open = nil
    elseif info then
      open = { info = info, line = number }
    elseif open then
      open[#open + 1] = line
    elseif line ~= "" then
      -- Words between two blocks: the second is not the output of the first.
      list[#list + 1] = { info = "words" }
    end
  end
  return list
end

-- The snippets of a page: script, expected output (or nil), exit status, line.
local function snippets(text)
  local list, all = {}, blocks(text)
  for i, block in ipairs(all) do
    local status = block.info:match("^lua exit=(%d+)$")
    if block.info == "lua" or block.info == "lua spec" or status then
      local following = all[i + 1]
      list[#list + 1] = {
        script = block.text,
        output = following and following.info == "text" and following.text or nil,
        status = tonumber(status or 0),
        busted = block.info == "lua spec",
        line = block.line,
      }
    end
  end
  return list
end

local function plain(text)
  return (text:gsub("%p", "%%%0"))
end

-- How long something took depends on the machine.
local function timeless(text)
  return (text:gsub("%d+%.%d+ s", "<time>"))
end

-- Messages begin with the name under which the program was called: in the pages that is "crun".
local function run(script, busted)
  local path = process.script(script)
  local result
  if busted then
    -- Of a folder's files busted knows those in Lua by their ends.
    assert(os.rename(path, path .. ".lua"))
    path = path .. ".lua"
    result = process.run_file(".ci/specs.lua", "-p . " .. path .. " 2>&1")
  else
    result = process.run_file(path, "2>&1")
  end
  os.remove(path)
  local program = process.interpreter:match("%S+$")
  result.out = result.out:gsub(plain(path), "script.lua"):gsub(plain(program), "crun")
  return result
end

-- The C programs that a page shows: file, text, expected output, line.
local function programs(text)
  local list, all = {}, blocks(text)
  for i, block in ipairs(all) do
    local file = block.info:match("^c (%S+)$")
    if file then
      local output = all[i + 1].text
      list[#list + 1] = { file = file, text = block.text, output = output, line = block.line }
    end
  end
  return list
end

for _, page in ipairs(files.list "README.md docs/*.md") do
  describe(page, function()
    for _, program in ipairs(programs(files.read(page))) do
      it("shows a C program as it is, line " .. program.line, function()
        assert.equal(files.read(program.file), program.text)
        assert.equal(files.read((program.file:gsub("c$", "expected"))), program.output)
      end)
    end
    for _, snippet in ipairs(snippets(files.read(page))) do
      -- How a failed script ends is the program's matter: a stock interpreter has its own way.
      if snippet.status == 0 or process.under_crun then
        it("shows what its script prints, line " .. snippet.line, function()
          local result = run(snippet.script, snippet.busted)
          if snippet.output then assert.equal(timeless(snippet.output), timeless(result.out)) end
          assert.equal(snippet.status, result.status)
        end)
      end
    end
  end)
end
