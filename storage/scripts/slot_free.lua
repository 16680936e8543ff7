-- ARGV: server, its slots.   Answers how many nobody has.
local taken = redis.call('ZCOUNT', key('slots', ARGV[1]), string.format('(%.6f', now()), '+inf')
return math.max(0, ARGV[2] - taken)
