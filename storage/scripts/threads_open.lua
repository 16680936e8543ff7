-- Opens a thread, which pins its system prompt and its preferences when it has no prompt: one that began before there
-- were preferences stays without. ARGV[3]: the system prompt. ARGV[4]: preferences as JSON, or ''.
-- Answers {system prompt, preferences, cut, {turn id, JSON, ...}, {turn id, place, ...}, when it was forgotten}.
if redis.call('HSETNX', thread, 'system_prompt', ARGV[3]) == 1 and ARGV[4] ~= '' then
  redis.call('HSET', thread, 'preferences', ARGV[4])
end
touch()
return {
  redis.call('HGET', thread, 'system_prompt'),
  redis.call('HGET', thread, 'preferences') or '',
  redis.call('HGET', thread, 'cut') or '0',
  redis.call('HGETALL', turns),
  redis.call('ZRANGE', order, 0, -1, 'WITHSCORES'),
  redis.call('HGET', thread, 'forgotten_at') or '0',
}
