-- SPDX-License-Identifier: MIT

--- The documentation's links lead to files and headings that exist, and its index to all pages.

local files = require "spec.support.files"

local read = files.read
local PAGES = files.list "*.md docs/*.md docs/decisions/*.md bench/*.md"

--- A page without its code.
local function prose(path)
  return ("\n" .. read(path)):gsub("\n```.-\n```", ""):gsub("`[^`\n]*`", "")
end

--- The anchors of a page's headings, made as the usual viewers make them.
local function anchors(path)
  local set = {}
  for heading in ("\n" .. read(path)):gsub("\n```.-\n```", ""):gmatch("\n#+ ([^\n]*)") do
    set[heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")] = true
  end
  return set
end

--- The path that a link in a page means, with "folder/.." taken out.
local function resolve(page, target)
  local path = (page:match("^(.*/)") or "") .. target
  local count
  repeat path, count = path:gsub("[^/.]+/%.%./", "", 1) until count == 0
  return path
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

describe("the links of", function()
  for _, page in ipairs(PAGES) do
    it(page .. " lead somewhere", function()
      local wrong = {}
      for link in prose(page):gmatch("%]%(([^)%s]+)%)") do
        if not link:find("^%a+:") then
          local target, anchor = link:match("^([^#]*)#?(.*)$")
          local path = target == "" and page or resolve(page, target)
          local fine = exists(path) and (anchor == "" or anchors(path)[anchor])
          if not fine then wrong[#wrong + 1] = link end
        end
      end
      assert.same({}, wrong)
    end)
  end

  it("the index and the guide lead to every page", function()
    for _, from in ipairs { "docs/README.md", "docs/guide.md" } do
      local linked = { [from] = true }
      for link in prose(from):gmatch("%]%(([^)#%s]+)") do linked[resolve(from, link)] = true end
      for _, page in ipairs(PAGES) do
        -- The guide is for those who write scripts.
        local wanted = page:find("^docs/[^/]+$") and page ~= "docs/README.md"
        if from == "docs/guide.md" then
          wanted = wanted and not page:find("embedding") and not page:find("design")
            and not page:find("laws") and not page:find("clone")
        end
        if wanted then assert.is_true(linked[page], from .. " does not lead to " .. page) end
      end
    end
  end)
end)
