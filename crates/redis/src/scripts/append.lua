-- KEYS: a stream. ARGV: its length, a random number, an entry. The entry's id.

return append(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
