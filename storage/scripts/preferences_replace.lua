-- Keeps what somebody set, if nobody has set anything since it was read.
-- KEYS: preferences. ARGV: the record that was read ('' for none), the new one ('' for none), its seconds.
-- Answers 1, or 0 when another record stands there.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
return 1
