-- Ends the job among the dead letters, without what people wrote.
-- ARGV: conversation, job, fence, why.   Answers 'done' or 'lost'.
local conversation, job, fence = ARGV[1], ARGV[2], ARGV[3]
local at = standing(conversation)
if at.settled == fence .. ':bury' then return 'done' end
local asked = redis.call('HMGET', key('job', job), 'crashes', 'accepted_at')
if at.fence ~= fence or not asked[2] then return 'lost' end
settle(conversation, at, 'bury')
drop(conversation, job)
if at.person then promote(at.person) end
redis.call('XADD', base .. ':dead', 'MAXLEN', '~', 1000, '*', 'job', job, 'conversation', conversation,
  'why', ARGV[4], 'attempts', (asked[1] or 0) + 1, 'accepted_at', asked[2], 'buried_at', string.format('%.6f', now()))
redis.call('EXPIRE', base .. ':dead', QUEUE_SECONDS)
announce_next(conversation)
return 'done'
