-- KEYS: the hash of the lead. ARGV: the owner. The cursor stays.

if fields(KEYS[1], 'owner')[1] == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'owner', 'till', 'ttl')
end
return 1
