-- KEYS: a hash with the current scale and the latest time that was told on it.
-- ARGV: a scale to begin, and one that is broken, or nothing.
-- The scale, the seconds and the microseconds since 1970.

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local known = fields(KEYS[1], 'scale', 'told')
local scale, told = known[1], tonumber(known[2])
if not (scale and #scale == 16 and told and told <= micros) or scale == ARGV[2] then
  scale = ARGV[1]
end
redis.call('HSET', KEYS[1], 'scale', scale, 'told', digits(micros))
redis.call('PEXPIRE', KEYS[1], WEEK)
return {scale, time[1], time[2]}
