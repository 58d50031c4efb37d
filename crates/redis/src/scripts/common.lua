-- Stands before each script.

-- Everything that is kept ends by itself, a week after it was last touched.
local WEEK = 7 * 24 * 3600 * 1000

-- Milliseconds since 1970. A number is exact up to 2^53, and this is far below.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function digits(number)
  return string.format('%.0f', number)
end

-- Fields of a hash. What has another type was put there by something else, and goes.
local function fields(name, ...)
  local found = redis.pcall('HMGET', name, ...)
  if not found.err then
    return found
  end
  if string.find(found.err, 'WRONGTYPE', 1, true) then
    redis.call('DEL', name)
  end
  return redis.call('HMGET', name, ...)
end

-- Whether this owner has the lead. Where it would end later than its owner asked for, the clock was
-- set back, and it has ended.
local function is_held(held, time)
  local till, ttl = tonumber(held[2]), tonumber(held[3])
  return held[1] and till and ttl and till > time and till - time <= ttl
end

-- Appends an entry under an id that cannot be guessed: no two entries ever have the same one, not
-- even of two masters that do not know of each other.
local function append(stream, length, nonce, entry)
  local function add(ms)
    return redis.pcall('XADD', stream, 'MAXLEN', '~', length, digits(ms) .. '-' .. nonce, 'e', entry)
  end
  local id = add(now())
  local function is_refused(reason)
    return type(id) == 'table' and string.find(id.err, reason, 1, true)
  end
  if is_refused('ID specified in XADD') or is_refused('exhausted') then
    -- Another within the same millisecond, or the clock was set back: ids go on from the last one.
    local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    local ms = last and string.match(last[1], '^(%d+)-')
    if ms and #ms <= 14 then
      id = add(ms + 1)
    else
      -- No entry of ours is from so late a time: a stream that can take no more goes.
      redis.call('DEL', stream)
      id = add(now())
    end
  end
  if type(id) == 'string' then
    redis.call('PEXPIRE', stream, WEEK)
  end
  return id
end
