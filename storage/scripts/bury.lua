-- Ends the job among the dead letters, without what people wrote.
-- ARGV: conversation, job, fence, why.   Answers 'done' or 'lost'.
local conversation, job, fence = ARGV[1], ARGV[2], ARGV[3]
if settled(conversation, fence, 'bury') then return 'done' end
if not owns(conversation, job, fence) then return 'lost' end
local at = redis.call('HMGET', key('job', job), 'attempts', 'accepted_at')
local person = settle(conversation, fence, 'bury')
drop(conversation, job)
if person then promote(person) end
redis.call('XADD', base .. ':dead', 'MAXLEN', '~', 1000, '*', 'job', job, 'conversation', conversation,
  'why', ARGV[4], 'attempts', at[1], 'accepted_at', at[2], 'buried_at', string.format('%.6f', now()))
redis.call('EXPIRE', base .. ':dead', QUEUE_SECONDS)
announce(conversation)
touch(conversation)
return 'done'
