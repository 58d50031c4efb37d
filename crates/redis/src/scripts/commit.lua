-- KEYS: the hash of the lead, and a stream.
-- ARGV: the owner, for how many milliseconds, the cursor, the entry that must be in the stream or
-- nothing, and as for appending.
-- What came of it, and the id.

local time = now()
local held = fields(KEYS[1], 'owner', 'till', 'ttl')
if not is_held(held, time) or held[1] ~= ARGV[1] then
  return {'not leader'}
end
if ARGV[4] ~= '' and #redis.call('XRANGE', KEYS[2], ARGV[4], ARGV[4], 'COUNT', 1) == 0 then
  return {'lost'}
end
-- First what may be refused: then nothing is done.
local id = append(KEYS[2], ARGV[5], ARGV[6], ARGV[7])
if type(id) ~= 'string' then
  return id
end
redis.call('HSET', KEYS[1], 'till', digits(time + ARGV[2]), 'ttl', ARGV[2], 'cursor', ARGV[3])
redis.call('PEXPIRE', KEYS[1], WEEK)
return {'done', id}
