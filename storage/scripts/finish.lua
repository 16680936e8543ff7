-- Adds the turns and ends the job.
-- ARGV: conversation, job, fence, revision, ending, cut, content seconds, then of each turn its id, its JSON,
--       and '1' when it takes the place of a stored one: of one that was forgotten meanwhile nothing may come back.
-- Answers 'done', 'lost', or why it was not ended: 'restart', 'removed'.
local conversation, job, fence, ending, content_seconds = ARGV[1], ARGV[2], ARGV[3], ARGV[5], ARGV[7]
if settled(conversation, fence, 'finish') then return 'done' end
if not owns(conversation, job, fence) then return 'lost' end
if ending ~= 'removed' then
  local at = redis.call('HMGET', key('job', job), 'revision', 'stop')
  if at[2] == 'removed' then return 'removed' end
  if at[1] ~= ARGV[4] then return 'restart' end
end

-- Ends first, adds after: a full server refuses a script's first growing write only, and this one must get through.
local person = settle(conversation, fence, 'finish')
drop(conversation, job)
if person then promote(person) end -- before this thread's next question: that comes after what waited longer
announce(conversation)
touch(conversation)

local thread, turns, order = key('thread', conversation), key('turns', conversation), key('order', conversation)
if ending ~= 'removed' then
  for i = 8, #ARGV, 3 do
    local stored = redis.call('ZSCORE', order, ARGV[i])
    if stored or ARGV[i + 2] ~= '1' then redis.call('HSET', turns, ARGV[i], ARGV[i + 1]) end
    if not stored and ARGV[i + 2] ~= '1' then
      redis.call('ZADD', order, 'NX', redis.call('HINCRBY', thread, 'next_seq', 1), ARGV[i])
    end
  end
  if tonumber(ARGV[6]) > tonumber(redis.call('HGET', thread, 'cut') or 0) then
    redis.call('HSET', thread, 'cut', ARGV[6])
  end
end
for _, name in ipairs({thread, turns, order}) do redis.call('EXPIRE', name, content_seconds) end
return 'done'
