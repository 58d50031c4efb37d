-- KEYS: a stream.
-- ARGV: where to begin (latest, since, behind), the time or id, the most entries, the longest entry,
-- the most bytes of all of them.
-- Whether the entry to begin behind is there, and pairs of ids and entries. An entry that is too long
-- or none of ours is given as an empty one: reading must come past it.

local stream, from, at = KEYS[1], ARGV[1], ARGV[2]
local longest, left = tonumber(ARGV[4]), tonumber(ARGV[5])
local found
if from == 'latest' then
  found = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
else
  local first = from == 'behind' and '(' .. at or at
  found = redis.call('XRANGE', stream, first, '+', 'COUNT', ARGV[3])
end
local page = {}
for _, each in ipairs(found) do
  local id, pairs_of = each[1], each[2]
  local entry = #pairs_of == 2 and pairs_of[1] == 'e' and pairs_of[2] or ''
  if #entry > longest then
    entry = ''
  end
  left = left - #entry
  if left < 0 and #page > 0 then
    break
  end
  page[#page + 1] = {id, entry}
end
local is_there = 1
if from == 'behind' then
  is_there = #redis.call('XRANGE', stream, at, at, 'COUNT', 1)
end
return {is_there, page}
