-- Hands the job over: it stays the head, anybody may claim it now, and this attempt is not counted.
-- ARGV: conversation, job, fence.   Answers 'done' or 'lost'.
local conversation, job, fence = ARGV[1], ARGV[2], ARGV[3]
if settled(conversation, fence, 'release') then return 'done' end
if not owns(conversation, job, fence) then return 'lost' end
settle(conversation, fence, 'release')
if tonumber(redis.call('HGET', key('job', job), 'attempts')) > 0 then
  redis.call('HINCRBY', key('job', job), 'attempts', -1)
end
announce(conversation, true)
touch(conversation)
return 'done'
