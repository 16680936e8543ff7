-- Puts an edited message in the place of the old one.
-- ARGV: its key, its JSON.   Answers 'unknown', 'queued' or 'running'.
local name, json = ARGV[1], ARGV[2]
local job, conversation = seen(name)
if not job or redis.call('EXISTS', key('job', job)) == 0 then return 'unknown' end
local place, old = find(job, name)
if not place then return 'unknown' end

local stop = redis.call('HGET', key('job', job), 'stop')
if old ~= json and stop ~= 'removed' then
  redis.call('LSET', key('messages', job), place, json)
  if stop then redis.call('HDEL', key('job', job), 'stop') end -- who edits a stopped question asks it anew
  revise(conversation, job)
  touch(conversation)
end
return begun(conversation, job) and 'running' or 'queued'
