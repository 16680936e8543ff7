-- Puts a message on a screen, at the place of its first appearance, and tells who follows.
-- What was taken away is a record too, so that somebody who was cut off meanwhile learns of it.
-- A write that was on its way while its worker lost the job must not come over the end that another one has written:
-- nothing is put for a job that has ended, and only an end for one that is ending.
-- KEYS: screen, the job's key or none. ARGV: message id, JSON, content seconds, the most messages, channel,
-- '1' when the answer ends with this message.
-- A field is a message id, its value `<order> <JSON>`; the field '' counts the orders given.
local screen, id, json, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[4])
if KEYS[2] and (redis.call('EXISTS', KEYS[2]) == 0
  or (ARGV[6] ~= '1' and redis.call('HEXISTS', KEYS[2], 'closing') == 1)) then return 0 end
local old = redis.call('HGET', screen, id)
local order = old and string.match(old, '^%d+') or redis.call('HINCRBY', screen, '', 1)
redis.call('HSET', screen, id, order .. ' ' .. json)

if not old and redis.call('HLEN', screen) - 1 > most then
  local oldest, least
  local all = redis.call('HGETALL', screen)
  for i = 1, #all, 2 do
    local place = tonumber(string.match(all[i + 1], '^(%d+) '))
    if place and (not least or place < least) then oldest, least = all[i], place end
  end
  redis.call('HDEL', screen, oldest)
end
redis.call('EXPIRE', screen, ARGV[3])
redis.call('PUBLISH', ARGV[5], id)
return 1
