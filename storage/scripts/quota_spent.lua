-- Adds what a job has used of tokens since this was last said of it.
-- ARGV: job, revision (an answer that begins anew uses tokens anew), tokens of this revision until now, how long a
--       verdict is kept (seconds), how long a counter outlives its window (seconds), then for each bound of tokens:
--       owner, period (seconds).
-- Answers how many were added.
local verdicts, said = key('quota-job', ARGV[1]), 'tokens:' .. ARGV[2]
local more = tonumber(ARGV[3]) - tonumber(redis.call('HGET', verdicts, said) or 0)
if more <= 0 then return 0 end
redis.call('HSET', verdicts, said, ARGV[3])
redis.call('EXPIRE', verdicts, ARGV[4])
local time = now()
for i = 6, #ARGV, 2 do
  local period = tonumber(ARGV[i + 1])
  local window = math.floor(time / period)
  local counter = key('quota', ARGV[i] .. ':' .. ARGV[i + 1] .. ':' .. string.format('%d', window))
  redis.call('HINCRBY', counter, 'tokens', string.format('%d', more))
  redis.call('EXPIREAT', counter, string.format('%d', (window + 1) * period + ARGV[5]))
end
return more
