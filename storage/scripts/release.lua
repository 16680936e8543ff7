-- Hands the job over: it stays the head, anybody may claim it now, and this attempt is not counted.
-- ARGV: conversation, job, fence.   Answers 'done' or 'lost'.
local conversation, job, fence = ARGV[1], ARGV[2], ARGV[3]
local at = standing(conversation)
if at.settled == fence .. ':release' then return 'done' end
local attempts = redis.call('HGET', key('job', job), 'attempts')
if at.fence ~= fence or not attempts then return 'lost' end
settle(conversation, at, 'release')
if tonumber(attempts) > 0 and not at.line then redis.call('HINCRBY', key('job', job), 'attempts', -1) end
announce_next(conversation, true)
return 'done'
