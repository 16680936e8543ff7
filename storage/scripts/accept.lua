-- Stores a message once: as a job of its own, or as one more message of the job before it.
-- ARGV: content seconds, join seconds, max mailbox, max backlog, lane, address, author, command, fresh job id,
--       fresh conversation id, message as JSON, when it was sent (seconds), its key, its dedupe keys...
-- Answers {'new' | 'joined' | 'known', job, conversation, jobs ahead in the thread} or {'full', 'thread' | 'all'}.
local content_seconds, join_seconds = ARGV[1], tonumber(ARGV[2])
local lane, address, author, command = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local json, sent_at, first_name = ARGV[11], tonumber(ARGV[12]), 13

local function remember(job, conversation)
  for i = first_name, #ARGV do
    redis.call('SET', key('seen', ARGV[i]), job .. ' ' .. conversation, 'NX', 'EX', DEDUPE_SECONDS)
  end
end

-- From now on what is said at the address belongs to the conversation. It is kept by its workspace too, as long as it may
-- be there and a hundredth longer: written again only when it is that much older.
local function bind(conversation, time)
  redis.call('SET', key('address', address), conversation, 'EX', content_seconds)
  local within, rest = string.match(address, '^([^:]*:[^:]*):(.*)$')
  local places = key('places', within)
  if tonumber(redis.call('ZSCORE', places, rest) or 0) >= time + content_seconds then return end
  redis.call('ZADD', places, string.format('%.0f', time + content_seconds * 1.01), rest)
  redis.call('ZREMRANGEBYSCORE', places, '-inf', string.format('%.0f', time))
  redis.call('EXPIRE', places, string.format('%.0f', content_seconds * 1.01))
end

local asked = {key('address', address)}
for i = first_name, #ARGV do asked[#asked + 1] = key('seen', ARGV[i]) end
local known = redis.call('MGET', unpack(asked))
for i = 2, #asked do
  local job, conversation = split_seen(known[i])
  if job then
    remember(job, conversation)
    return {'known', job, conversation, redis.call('LPOS', key('mailbox', conversation), job) or 0}
  end
end

local time, bound = now(), known[1]
local conversation = bound or ARGV[10]
local mailbox = key('mailbox', conversation)
local tail = redis.call('LINDEX', mailbox, -1)
local waiting = tail and redis.call('LLEN', mailbox) or 0

if tail and command == 'ask' then
  local at, messages = stored(tail)
  -- What follows an answer whose end people see is a question of its own, however quickly it comes. And what a
  -- listener was behind with comes all at once: when it was written counts too.
  if at and at.author == author and at.command == 'ask' and at.lane == lane and not at.stop and not at.closing
    and time - at.last_at <= join_seconds and math.abs(sent_at - (at.last_sent or sent_at)) <= join_seconds
    and #messages < tonumber(ARGV[3]) then
    redis.call('HSET', key('job', tail), 'last_at', string.format('%.6f', time), 'last_sent', ARGV[12],
      after(messages), json)
    bind(conversation, time)
    remember(tail, conversation)
    revise(conversation, tail)
    touch(conversation)
    return {'joined', tail, conversation, waiting - 1}
  end
end

-- What was deleted must go, however much waits: it is never refused, and there is no more of it than there were questions.
local bounded, backlog = command ~= 'remove', redis.call('ZCARD', base .. ':backlog')
if bounded and waiting >= tonumber(ARGV[3]) then return {'full', 'thread'} end
if bounded and backlog >= tonumber(ARGV[4]) then return {'full', 'all'} end

local job, accepted_at = ARGV[9], string.format('%.6f', time)
local name = key('job', job)
redis.call('HSET', name, 'conversation', conversation, 'accepted_at', accepted_at, 'revision', 0,
  'lane', lane, 'author', author, 'command', command, 'last_at', accepted_at, 'last_sent', ARGV[12], after({}), json)
redis.call('ZADD', base .. ':backlog', string.format('%.3f', time * 1000), job)
-- A sentence of ours alone does not make us take part where people talk.
local is_aside = command == 'tell' or command == 'help' or command == 'status'
if bound or not is_aside then bind(conversation, time) end
remember(job, conversation)
redis.call('RPUSH', mailbox, job)
if waiting == 0 then
  announce(conversation, lane, author)
  -- Only what this made: `announce` has seen to the rest.
  if backlog == 0 then redis.call('EXPIRE', base .. ':backlog', QUEUE_SECONDS) end
  redis.call('EXPIRE', name, QUEUE_SECONDS)
  redis.call('EXPIRE', mailbox, QUEUE_SECONDS)
else
  touch(conversation)
end
return {'new', job, conversation, waiting}
