-- Puts an edited message in the place of the old one.
-- ARGV: its key, its JSON.   Answers 'unknown', 'queued' or 'running'.
local name, json = ARGV[1], ARGV[2]
local job, conversation = seen(name)
if not job then return 'unknown' end
local fields, messages = stored(job)
if not fields then return 'unknown' end
local field, old = find(messages, name)
if not field then return 'unknown' end

local before, after = cjson.decode(old), cjson.decode(json)
if before.command ~= after.command then return 'unknown' end -- a sentence of ours does not become a question
if (before.edited_at or 0) > (after.edited_at or 0) then json = old end -- an edit that comes again after the next one

local stop = fields.stop
if old ~= json and stop ~= 'removed' then
  redis.call('HSET', key('job', job), field, json)
  if stop then redis.call('HDEL', key('job', job), 'stop') end -- who edits a stopped question asks it anew
  revise(conversation, job)
  touch(conversation)
end
return begun(conversation, job) and 'running' or 'queued'
