-- KEYS: a hash with the owner of the lead, when it ends, for how long it was taken, and the cursor.
-- ARGV: an owner, for how many milliseconds, the longest cursor.
-- Whether the owner has the lead, and the cursor.

local time = now()
local held = fields(KEYS[1], 'owner', 'till', 'ttl')
if is_held(held, time) and held[1] ~= ARGV[1] then
  return {0}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'till', digits(time + ARGV[2]), 'ttl', ARGV[2])
redis.call('PEXPIRE', KEYS[1], WEEK)
local cursor = redis.call('HSTRLEN', KEYS[1], 'cursor') <= tonumber(ARGV[3])
  and redis.call('HGET', KEYS[1], 'cursor')
return {1, cursor}
