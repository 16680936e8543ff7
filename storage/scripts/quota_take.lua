-- Counts a job's request for all whom it concerns, or for none of them when any bound is used up. Once for each job:
-- whoever takes it over, or begins it anew, is answered the same. A refusal holds until its bound is free.
-- ARGV: job, how long its verdict is kept (seconds), how long a counter outlives its window (seconds),
--       then for each bound: scope, owner, unit, period (seconds), amount.
-- Answers {} when it is admitted, else {scope, unit, period, amount, when it is free, now}, times in seconds since 1970.
local job, keep_seconds, margin = ARGV[1], ARGV[2], ARGV[3]
local verdicts, time = key('quota-job', job), math.floor(now())
local before = redis.call('HGET', verdicts, 'verdict')
if before == 'admitted' then return {} end
if before then
  local scope, unit, period, amount, free_at = string.match(before, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  if time < tonumber(free_at) then return {scope, unit, period, amount, free_at, tostring(time)} end
end

local refusal, free_last, counters = nil, 0, {}
for i = 4, #ARGV, 5 do
  local scope, owner, unit, period, amount = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4]
  local window = math.floor(time / period)
  local counter = key('quota', owner .. ':' .. ARGV[i + 3] .. ':' .. string.format('%d', window))
  local free_at = (window + 1) * period
  -- Of several that are used up the one that is free last: who comes then is not refused by another.
  if tonumber(redis.call('HGET', counter, unit) or 0) >= tonumber(amount) and free_at > free_last then
    refusal, free_last = {scope, unit, ARGV[i + 3], amount, string.format('%d', free_at)}, free_at
  end
  if unit == 'requests' then counters[#counters + 1] = {counter, free_at} end
end

redis.call('HSET', verdicts, 'verdict', refusal and table.concat(refusal, ' ') or 'admitted')
redis.call('EXPIRE', verdicts, keep_seconds)
if refusal then
  refusal[#refusal + 1] = tostring(time)
  return refusal
end
for _, counter in ipairs(counters) do
  redis.call('HINCRBY', counter[1], 'requests', 1)
  redis.call('EXPIREAT', counter[1], string.format('%d', counter[2] + margin))
end
return {}
