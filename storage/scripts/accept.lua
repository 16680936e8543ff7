-- Stores a message once: as a job of its own, or as one more message of the job before it.
-- ARGV: content seconds, join seconds, max mailbox, max backlog, lane, address, author, command, fresh job id,
--       fresh conversation id, message as JSON, its key, its dedupe keys...
-- Answers {'new' | 'joined' | 'known', job, conversation, jobs ahead in the thread} or {'full', 'thread' | 'all'}.
local content_seconds, join_seconds = ARGV[1], tonumber(ARGV[2])
local lane, address, author, command = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local json, first_name = ARGV[11], 12

local function remember(job, conversation)
  for i = first_name, #ARGV do
    redis.call('SET', key('seen', ARGV[i]), job .. ' ' .. conversation, 'NX', 'EX', DEDUPE_SECONDS)
  end
end

for i = first_name, #ARGV do
  local job, conversation = seen(ARGV[i])
  if job then
    remember(job, conversation)
    return {'known', job, conversation, redis.call('LPOS', key('mailbox', conversation), job) or 0}
  end
end

local time = now()
local bound = redis.call('GET', key('address', address))
local conversation = bound or ARGV[10]
local mailbox = key('mailbox', conversation)
local tail = redis.call('LINDEX', mailbox, -1)
local waiting = tail and redis.call('LLEN', mailbox) or 0

if tail and command == 'ask' then
  local at = redis.call('HMGET', key('job', tail), 'author', 'command', 'lane', 'last_at', 'stop', 'closing')
  -- What follows an answer whose end people see is a question of its own, however quickly it comes.
  if at[1] == author and at[2] == 'ask' and at[3] == lane and not at[5] and not at[6]
    and time - tonumber(at[4]) <= join_seconds
    and redis.call('LLEN', key('messages', tail)) < tonumber(ARGV[3]) then
    redis.call('RPUSH', key('messages', tail), json)
    redis.call('HSET', key('job', tail), 'last_at', string.format('%.6f', time))
    redis.call('SET', key('address', address), conversation, 'EX', content_seconds)
    remember(tail, conversation)
    revise(conversation, tail)
    touch(conversation)
    return {'joined', tail, conversation, waiting - 1}
  end
end

if waiting >= tonumber(ARGV[3]) then return {'full', 'thread'} end
local backlog = redis.call('ZCARD', base .. ':backlog')
if backlog >= tonumber(ARGV[4]) then return {'full', 'all'} end

local job, accepted_at = ARGV[9], string.format('%.6f', time)
local name, messages = key('job', job), key('messages', job)
redis.call('HSET', name, 'conversation', conversation, 'accepted_at', accepted_at, 'revision', 0, 'attempts', 0,
  'lane', lane, 'author', author, 'command', command, 'last_at', accepted_at)
redis.call('RPUSH', messages, json)
redis.call('ZADD', base .. ':backlog', string.format('%.3f', time * 1000), job)
-- A sentence of ours alone does not make us take part where people talk.
if bound or command ~= 'tell' then redis.call('SET', key('address', address), conversation, 'EX', content_seconds) end
remember(job, conversation)
redis.call('RPUSH', mailbox, job)
if waiting == 0 then
  announce(conversation, lane, author)
  -- Only what this made: `announce` has seen to the rest.
  if backlog == 0 then redis.call('EXPIRE', base .. ':backlog', QUEUE_SECONDS) end
  for _, made in ipairs({name, messages, mailbox, key('lease', conversation)}) do
    redis.call('EXPIRE', made, QUEUE_SECONDS)
  end
else
  touch(conversation)
end
return {'new', job, conversation, waiting}
