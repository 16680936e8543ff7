-- Takes or keeps a bot's gateway for its owner, with where it left off and the places it has seen to.
-- KEYS: owner, session, marks. ARGV: owner, lease ms, session as JSON ('' removes it, '-' leaves it as it is), session
--       seconds, marks seconds, oldest mark that is kept (ms), most marks, then for each mark: 'new' or 'known' (only if
--       it is there), ms, place.
-- Answers 1, or 0 when somebody else has it: then nothing is written.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if ARGV[3] == '' then
  redis.call('DEL', KEYS[2])
elseif ARGV[3] ~= '-' then
  redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
end
for i = 8, #ARGV, 3 do
  if ARGV[i] == 'new' then
    redis.call('ZADD', KEYS[3], 'GT', ARGV[i + 1], ARGV[i + 2])
  else
    redis.call('ZADD', KEYS[3], 'XX', 'GT', ARGV[i + 1], ARGV[i + 2])
  end
end
if #ARGV > 7 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. ARGV[6])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - ARGV[7])
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
return 1
