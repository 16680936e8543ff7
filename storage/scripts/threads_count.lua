-- Adds token counts. ARGV[3]: fingerprint, then digest and tokens of each.
redis.call('HSET', thread, 'counts:' .. ARGV[3], 1)
for i = 4, #ARGV, 2 do redis.call('HSET', ARGV[2] .. ARGV[3], ARGV[i], ARGV[i + 1]) end
touch()
