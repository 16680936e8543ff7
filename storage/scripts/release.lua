-- Hands the job over: it stays the head, anybody may claim it now, and that is no crash.
-- ARGV: conversation, job, fence.   Answers 'done' or 'lost'.
local conversation, job, fence = ARGV[1], ARGV[2], ARGV[3]
local at = standing(conversation)
if at.settled == fence .. ':release' then return 'done' end
if at.fence ~= fence or redis.call('EXISTS', key('job', job)) == 0 then return 'lost' end
settle(conversation, at, 'release')
announce_next(conversation, true)
return 'done'
