-- Opens a thread, which pins its system prompt when it has none. ARGV[3]: the system prompt.
-- Answers {system prompt, cut, {turn id, JSON, ...}, {turn id, place, ...}, when it was forgotten}.
redis.call('HSETNX', thread, 'system_prompt', ARGV[3])
touch()
return {
  redis.call('HGET', thread, 'system_prompt'),
  redis.call('HGET', thread, 'cut') or '0',
  redis.call('HGETALL', turns),
  redis.call('ZRANGE', order, 0, -1, 'WITHSCORES'),
  redis.call('HGET', thread, 'forgotten_at') or '0',
}
