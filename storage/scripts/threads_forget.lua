-- Removes a thread and all that was derived of it, and tells who follows its screen. ARGV[3]: the screen's channel.
each_counts(function(name) redis.call('DEL', name) end)
local next_seq = redis.call('HGET', thread, 'next_seq')
redis.call('DEL', thread, turns, order, screen)
-- The numbering goes on: a running answer still brings the old cut along, and turns that began again at 1 would lie
-- before it, where the model never sees them.
if next_seq then redis.call('HSET', thread, 'next_seq', next_seq) end
-- Else the next mention would read the thread's messages from the platform once more.
redis.call('HSET', thread, 'forgotten_at', redis.call('TIME')[1])
touch()
redis.call('PUBLISH', ARGV[3], '')
