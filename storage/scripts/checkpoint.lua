-- ARGV: conversation, job, fence, tokens used, checkpoint as JSON, '1' when the answer's last text is being shown.
--   Answers {revision, stop or ''}, or false when lost.
local conversation, job, fence, tokens = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if not owns(conversation, job, fence) then return false end
-- First, because a full server refuses a script's first growing write only: running answers go on, new ones wait.
keep(conversation)
local before = tonumber(redis.call('HGET', key('job', job), 'progress') or 0)
redis.call('HSET', key('job', job), 'checkpoint', ARGV[5], 'progress', tokens)
if ARGV[6] == '1' then redis.call('HSET', key('job', job), 'closing', 1) else redis.call('HDEL', key('job', job), 'closing') end
if tokens > before then redis.call('HDEL', key('job', job), 'crashes') end
local asked = redis.call('HMGET', key('job', job), 'revision', 'stop')
return {asked[1], asked[2] or ''}
