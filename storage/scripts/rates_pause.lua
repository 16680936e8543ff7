-- Lets nothing of an allowance be granted for a while; rates_take.lua tells what the members are.
-- KEYS: the allowance. ARGV: how long, in milliseconds.
local allowance = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
redis.call('ZREMRANGEBYSCORE', allowance, '-inf', string.format('%.3f', now))
local before = math.max(now, tonumber(redis.call('ZSCORE', allowance, 'p') or 0))
local till = math.ceil(now + ARGV[1])
if till <= before then return 0 end

-- Time stands still for holds: one that ran out while nobody could use it would leave an answer without its end.
for _, member in ipairs(redis.call('ZRANGE', allowance, 0, -1)) do
  if string.sub(member, 1, 1) == 'h' then
    redis.call('ZINCRBY', allowance, string.format('%.0f', math.ceil(till - before)), member)
  end
end
redis.call('ZADD', allowance, string.format('%.0f', till), 'p')
local last = redis.call('ZRANGE', allowance, -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIREAT', allowance, string.format('%.0f', last + 1000))
return 1
