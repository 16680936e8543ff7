-- Adds turns at the end of the thread. ARGV[3]: then of each its id and its JSON. One that is there stays as it is.
for i = 3, #ARGV, 2 do
  if redis.call('HSETNX', turns, ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('ZADD', order, 'NX', redis.call('HINCRBY', thread, 'next_seq', 1), ARGV[i])
  end
end
touch()
