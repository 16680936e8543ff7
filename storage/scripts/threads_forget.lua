-- Removes a thread and all that was derived of it, and tells who follows its screen. ARGV[3]: the screen's channel.
each_counts(function(name) redis.call('DEL', name) end)
local next_seq = redis.call('HGET', thread, 'next_seq')
redis.call('DEL', thread, turns, order, screen)
-- The numbering goes on: a running answer still brings the old cut along, and turns that began again at 1 would lie
-- before it, where the model never sees them.
-- And the next mention would read the thread's messages from the platform once more.
if next_seq then
  local time = redis.call('TIME')
  local forgotten_at = string.format('%.6f', time[1] + time[2] / 1000000)
  redis.call('HSET', thread, 'next_seq', next_seq, 'forgotten_at', forgotten_at)
end
touch()
redis.call('PUBLISH', ARGV[3], '')
