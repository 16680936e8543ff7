-- What the queue's scripts share; scripts/__init__.py puts it in front of each.
-- Invariant: a conversation has exactly one entry in a ready stream if and only if its mailbox is not empty. The head
-- stays in the mailbox until it is settled.
-- KEYS[1] is the base prefix; all keys that are built from it stand in its hash slot.
local base = KEYS[1]

local function key(kind, id) return base .. ':' .. kind .. ':' .. id end

-- Seconds since 1970 by the server's clock: one clock for all replicas.
local function now()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1000000
end

-- All keys of a conversation's queue live equally long, or a job could outlive its messages.
local function touch(conversation)
  local lease = key('lease', conversation)
  local lane = redis.call('HGET', lease, 'lane')
  if lane then redis.call('EXPIRE', key('ready', lane), QUEUE_SECONDS) end
  redis.call('EXPIRE', lease, QUEUE_SECONDS)
  redis.call('EXPIRE', key('mailbox', conversation), QUEUE_SECONDS)
  redis.call('EXPIRE', base .. ':backlog', QUEUE_SECONDS)
  for _, job in ipairs(redis.call('LRANGE', key('mailbox', conversation), 0, -1)) do
    redis.call('EXPIRE', key('job', job), QUEUE_SECONDS)
    redis.call('EXPIRE', key('messages', job), QUEUE_SECONDS)
  end
end

local function drop(conversation, job)
  redis.call('LREM', key('mailbox', conversation), 1, job)
  redis.call('DEL', key('job', job), key('messages', job))
  redis.call('ZREM', base .. ':backlog', job)
end

-- The first job of a mailbox. One whose hash somebody deleted by hand is skipped: it would block its thread for ever.
local function first(conversation)
  local mailbox = key('mailbox', conversation)
  local job = redis.call('LINDEX', mailbox, 0)
  while job and redis.call('EXISTS', key('job', job)) == 0 do
    drop(conversation, job)
    job = redis.call('LINDEX', mailbox, 0)
  end
  return job
end

-- Takes the conversation's entry out of its ready stream.
local function retire(conversation)
  local lease = key('lease', conversation)
  local at = redis.call('HMGET', lease, 'lane', 'entry')
  if at[2] then
    redis.call('XACK', key('ready', at[1]), GROUP, at[2])
    redis.call('XDEL', key('ready', at[1]), at[2])
    redis.call('HDEL', lease, 'lane', 'entry')
  end
end

-- Gives a mailbox that is not empty its entry, in the lane of its head.
local function announce(conversation)
  local head = first(conversation)
  if head then
    local lane = redis.call('HGET', key('job', head), 'lane')
    local entry = redis.call('XADD', key('ready', lane), '*', 'conversation', conversation)
    redis.call('HSET', key('lease', conversation), 'lane', lane, 'entry', entry)
  end
end

-- {id, conversation, accepted_at, revision, stop, checkpoint, {message, ...}}
local function describe(job)
  local at = redis.call('HMGET', key('job', job), 'conversation', 'accepted_at', 'revision', 'stop', 'checkpoint')
  return {job, at[1], at[2], at[3], at[4] or '', at[5] or '', redis.call('LRANGE', key('messages', job), 0, -1)}
end

local function owns(conversation, job, fence)
  return redis.call('HGET', key('lease', conversation), 'fence') == fence
    and redis.call('EXISTS', key('job', job)) == 1
end

-- A claim that was settled in the same way before: the answer was lost, and the caller asks again.
local function settled(conversation, fence, how)
  return redis.call('HGET', key('lease', conversation), 'settled') == fence .. ':' .. how
end

-- Ends a claim. The fence moves on, so that nothing late of this claim is written. `how` is remembered instead.
local function settle(conversation, fence, how)
  local lease = key('lease', conversation)
  retire(conversation)
  redis.call('HDEL', lease, 'job', 'token', 'owner')
  redis.call('HINCRBY', lease, 'fence', 1)
  redis.call('HSET', lease, 'settled', fence .. ':' .. how)
end

local function signal(reason, conversation) redis.call('PUBLISH', base .. ':signals', reason .. ' ' .. conversation) end

-- Whether people may see something of the job's answer already: a worker has it, or had it and crashed.
local function begun(conversation, job)
  return redis.call('HGET', key('lease', conversation), 'job') == job
    or redis.call('HEXISTS', key('job', job), 'checkpoint') == 1
end

-- The job's messages changed: an answer to what they were before is void.
local function revise(conversation, job)
  redis.call('HINCRBY', key('job', job), 'revision', 1)
  if begun(conversation, job) then signal('restart', conversation) end
end

-- Splits `<job> <conversation> [<what a removal answered>]`, the value of a seen key.
local function seen(name)
  local value = redis.call('GET', key('seen', name))
  if value then return string.match(value, '^(%S+) (%S+) ?(%S*)$') end
end

-- The place of a message in a job's list (starts at 0) and its JSON, by its key or a dedupe key; nil when it is not there.
local function find(job, name)
  for place, json in ipairs(redis.call('LRANGE', key('messages', job), 0, -1)) do
    local message = cjson.decode(json)
    if message.key == name then return place - 1, json end
    for _, other in ipairs(message.dedupe_keys) do
      if other == name then return place - 1, json end
    end
  end
end

