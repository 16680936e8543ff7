-- Gives a claim a slot of the model's server, or its place among those who wait for one.
-- ARGV: conversation, job, fence, server, the server's slots, lease in seconds.
-- Answers 0 when it has a slot, else its place (starts at 1); false when lost.
local conversation, job, fence, server = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local most, lease_seconds = tonumber(ARGV[5]), tonumber(ARGV[6])
if not owns(conversation, job, fence) then return false end
local lease, slots, line, heard = key('lease', conversation), key('slots', server), key('line', server), key('heard', server)

-- Who died keeps nothing. First, because a full server refuses a script's first growing write only.
local time = string.format('%.6f', now())
redis.call('ZREMRANGEBYSCORE', slots, '-inf', time)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', heard, '-inf', time)) do
  redis.call('ZREM', line, gone)
  redis.call('ZREM', heard, gone)
end
local at = standing(conversation)
if (at.slot or at.line or server) ~= server then
  unslot(conversation, at)
  redis.call('HDEL', lease, 'slot', 'line')
end

local place = 0
if not redis.call('ZSCORE', slots, conversation) then
  if not redis.call('ZSCORE', line, conversation) then
    -- In the order of the ready stream, whose ids are times (milliseconds) and numbers: what was claimed together is
    -- prepared side by side, and the quickest to be ready must not pass the others.
    local milliseconds, number = string.match(at.entry, '^(%d+)-(%d+)$')
    local order = milliseconds + math.min(number, 999) / 1000
    -- People see half of an answer that has begun: it goes on before others begin.
    if tonumber(redis.call('HGET', key('job', job), 'progress') or 0) > 0 then order = order - 1e13 end
    redis.call('ZADD', line, string.format('%.3f', order), conversation)
  end
  redis.call('ZADD', heard, slot_until(lease_seconds), conversation)
  local ahead, free = redis.call('ZRANK', line, conversation), most - redis.call('ZCARD', slots)
  if ahead < free then
    redis.call('ZREM', line, conversation)
    redis.call('ZREM', heard, conversation)
    if ahead + 1 < free then wake(server) end -- two that were given back at once woke one only
  else
    place = ahead + 1
  end
end

if place == 0 then
  redis.call('ZADD', slots, slot_until(lease_seconds), conversation)
  redis.call('HSET', lease, 'slot', server)
  leave(conversation, at)
  redis.call('HDEL', lease, 'line', 'person')
  if at.person then promote(at.person) end
else
  redis.call('HSET', lease, 'line', server)
end
for _, name in ipairs({slots, line, heard}) do redis.call('EXPIRE', name, SLOT_SECONDS) end
keep(conversation)
return place
