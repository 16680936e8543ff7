-- How much is used in the windows of now. ARGV: for each bound: owner, unit, period (seconds). Answers a number for each.
local time, used = now(), {}
for i = 1, #ARGV, 3 do
  local window = math.floor(time / tonumber(ARGV[i + 2]))
  local counter = key('quota', ARGV[i] .. ':' .. ARGV[i + 2] .. ':' .. string.format('%d', window))
  used[#used + 1] = tonumber(redis.call('HGET', counter, ARGV[i + 1]) or 0)
end
return used
