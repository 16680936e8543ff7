-- Takes a message back.
-- ARGV: its key.   Answers 'unknown', 'queued' or 'running'.
local name = ARGV[1]
local job, conversation, outcome = seen(name)
if not job then
  -- A platform that was not acknowledged may bring the message after its deletion.
  redis.call('SET', key('seen', name), '- -', 'EX', DEDUPE_SECONDS)
  return 'unknown'
end
if outcome ~= '' then return outcome end -- asked before
local fields, messages = stored(job)
if not fields then return 'unknown' end
local field = find(messages, name)
if not field then return 'unknown' end

touch(conversation) -- first: a full server still takes a deletion
outcome = begun(conversation, job) and 'running' or 'queued'
if #messages > 1 then
  redis.call('HDEL', key('job', job), field)
  revise(conversation, job)
elseif outcome == 'running' then
  -- What people see of the answer is the worker's to take away, so the job ends there.
  redis.call('HSET', key('job', job), 'stop', 'removed')
  signal('removed', conversation)
else
  local was_head = first(conversation) == job
  drop(conversation, job)
  if was_head then
    local at = standing(conversation)
    retire(conversation, at)
    redis.call('HDEL', key('lease', conversation), 'lane', 'entry', 'person')
    if at.person then promote(at.person) end
    announce_next(conversation)
  end
end
redis.call('SET', key('seen', name), job .. ' ' .. conversation .. ' ' .. outcome, 'XX', 'KEEPTTL')
return outcome
