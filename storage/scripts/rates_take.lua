-- Grants all the calls that are asked for, or none, and counts what it grants.
-- Each allowance is a sorted set. Its members are calls ('c' and an id), holds ('h' and a name) and the platform's own
-- pause ('p'); a score is when the member stops counting, in milliseconds of the server's clock.
-- KEYS: the allowance of each use, in order. ARGV: an id that no other take has, then for each use: limit, how long a
-- call counts (ms), spare, the hold's name or '', how long it is to be held (ms; 0: the call is made now).
-- Answers {milliseconds to wait, 0 when all is granted; places of the first allowance that are taken now, -1 while it
-- is paused}.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local id = ARGV[1]

-- Rounded up: a call that counts a part of a millisecond too short is a call too many.
local function after(ms) return string.format('%.0f', math.ceil(now + ms)) end

local wait = 0
local taken, paused, seen = {}, {}, {} -- by key
for _, name in ipairs(KEYS) do
  if not taken[name] then
    redis.call('ZREMRANGEBYSCORE', name, '-inf', string.format('%.3f', now))
    taken[name], seen[name] = redis.call('ZCARD', name), {}
    paused[name] = redis.call('ZSCORE', name, 'p')
    if paused[name] then wait = math.max(wait, paused[name] - now) end
  end
end

-- Whether a member will be there when the uses before this one are done.
local function has(name, member)
  if seen[name][member] == nil then seen[name][member] = redis.call('ZSCORE', name, member) ~= false end
  return seen[name][member]
end

-- What each use puts into its set and takes out of it. Nothing is written yet.
local uses, more = {}, {}
for i, name in ipairs(KEYS) do
  local at = 5 * i - 3
  local use = {limit = tonumber(ARGV[at]), spare = tonumber(ARGV[at + 2])}
  local hold, hold_ms = 'h' .. ARGV[at + 3], tonumber(ARGV[at + 4])
  if hold_ms > 0 then
    use.member, use.ms = hold, hold_ms
  else
    use.member, use.ms = 'c' .. id .. ':' .. i, tonumber(ARGV[at + 1])
  end
  -- A call's member is there already when the reply was lost and the take is sent again: it goes on counting, from now.
  use.counted = has(name, use.member)
  seen[name][use.member] = true
  if not use.counted and hold_ms == 0 and hold ~= 'h' and has(name, hold) then
    use.counted, use.ends = true, hold
    seen[name][hold] = false
  end
  if not use.counted then more[name] = (more[name] or 0) + 1 end
  uses[i] = use
end

for i, name in ipairs(KEYS) do
  local use = uses[i]
  if not use.counted and not paused[name] then
    local over = taken[name] + more[name] + use.spare - use.limit
    if over > 0 then
      -- There is room when so many have gone. When not even all would do, the caller's bound says when to ask again.
      local free_at = redis.call('ZRANGE', name, over - 1, over - 1, 'WITHSCORES')[2]
      wait = math.max(wait, (free_at or now + 60000) - now)
    end
  end
end

local first = KEYS[1]
if wait == 0 then
  for i, name in ipairs(KEYS) do
    local use = uses[i]
    if use.ends then redis.call('ZREM', name, use.ends) end
    -- GT: a hold that a pause has made longer is not made shorter.
    redis.call('ZADD', name, 'GT', after(use.ms), use.member)
  end
  for name in pairs(taken) do
    local last = redis.call('ZRANGE', name, -1, -1, 'WITHSCORES')[2]
    redis.call('PEXPIREAT', name, string.format('%.0f', last + 1000))
  end
  taken[first] = taken[first] + (more[first] or 0)
end
return {math.ceil(wait), paused[first] and -1 or taken[first]}
