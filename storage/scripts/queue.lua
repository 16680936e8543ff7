-- What the queue's scripts share; scripts/__init__.py puts it in front of each.
-- Invariant: a conversation whose mailbox is not empty has exactly one entry, either in a ready stream (announced) or
-- in one person's parked list; any other has none. The head stays in the mailbox until it is settled.
-- KEYS[1] is the base prefix; all keys that are built from it stand in its hash slot.
local base = KEYS[1]

-- So many conversations of one person stand announced without a slot of the model. With more, a person who asks in
-- twenty threads would stand before everybody else's first question; with one, a free slot would wait for the next.
local ANNOUNCED_PER_PERSON = 2

local function key(kind, id) return base .. ':' .. kind .. ':' .. id end

-- Seconds since 1970 by the server's clock: one clock for all replicas.
local function now()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1000000
end

-- A lifetime that was given anew within the hour is left alone where a step comes often or makes no key.
local FRESH_SECONDS = QUEUE_SECONDS - 3600

-- What a conversation's lease says of its claim and of where it stands; all of it may be missing. A field is emptied
-- and not deleted where others are written in the same step: one command less for every job.
local function standing(conversation)
  local at = redis.call('HMGET', key('lease', conversation),
    'fence', 'settled', 'lane', 'entry', 'person', 'slot', 'line', 'token', 'job')
  for i = 1, 9 do at[i] = at[i] ~= '' and at[i] end
  return {fence = at[1], settled = at[2], lane = at[3], entry = at[4], person = at[5], slot = at[6], line = at[7],
    token = at[8], job = at[9]}
end

-- All keys of a conversation's queue live equally long.
local function touch(conversation)
  local at = standing(conversation)
  if at.lane then redis.call('EXPIRE', key('ready', at.lane), QUEUE_SECONDS) end
  if at.person then redis.call('EXPIRE', key('parked', at.person), QUEUE_SECONDS) end
  redis.call('EXPIRE', key('lease', conversation), QUEUE_SECONDS)
  redis.call('EXPIRE', key('mailbox', conversation), QUEUE_SECONDS)
  redis.call('EXPIRE', base .. ':backlog', QUEUE_SECONDS)
  redis.call('EXPIRE', base .. ':unslotted', QUEUE_SECONDS)
  for _, job in ipairs(redis.call('LRANGE', key('mailbox', conversation), 0, -1)) do
    redis.call('EXPIRE', key('job', job), QUEUE_SECONDS)
  end
end

local function touch_if_stale(conversation)
  if redis.call('TTL', key('mailbox', conversation)) < FRESH_SECONDS then touch(conversation) end
end

-- The same for a running job's many small steps. The first write all the same, because a full server refuses a
-- script's first growing write only.
local function keep(conversation)
  redis.call('EXPIRE', key('lease', conversation), QUEUE_SECONDS)
  touch_if_stale(conversation)
end

local function drop(conversation, job)
  redis.call('LREM', key('mailbox', conversation), 1, job)
  redis.call('DEL', key('job', job))
  redis.call('ZREM', base .. ':backlog', job)
end

-- A job as a table of its fields, and its messages in order as {{field, JSON}, ...}; nothing when it is not there.
local function stored(job)
  local pairs, fields, messages = redis.call('HGETALL', key('job', job)), {}, {}
  for i = 1, #pairs, 2 do
    local number = string.match(pairs[i], '^message:(%d+)$')
    if number then
      messages[#messages + 1] = {pairs[i], pairs[i + 1], tonumber(number)}
    else
      fields[pairs[i]] = pairs[i + 1]
    end
  end
  -- Its conversation alone makes it a job: a field that was written to one that somebody deleted does not.
  if not fields.conversation then return end
  table.sort(messages, function(one, other) return one[3] < other[3] end)
  return fields, messages
end

-- The first job of a mailbox, and what `stored` gives. One whose hash somebody deleted by hand is skipped: it
-- would block its thread for ever.
local function first(conversation)
  while true do
    local job = redis.call('LINDEX', key('mailbox', conversation), 0)
    if not job then return end
    local fields, messages = stored(job)
    if fields then return job, fields, messages end
    drop(conversation, job)
  end
end

-- How a conversation stands among those without a slot: behind its person's name, so that a person's stand together.
local function member(person, conversation) return person .. '\0' .. conversation end

-- Gives a conversation its entry in the ready stream. `person` is `<lane>:<author of the head>`.
local function enter(conversation, lane, person)
  local ready, unslotted = key('ready', lane), base .. ':unslotted'
  local entry = redis.call('XADD', ready, '*', 'conversation', conversation)
  local fields = redis.call('HSET', key('lease', conversation), 'lane', lane, 'entry', entry, 'person', person)
  -- An old lease keeps its own time: every renewal prolongs it.
  if fields > 0 then redis.call('EXPIRE', key('lease', conversation), QUEUE_SECONDS) end
  -- With the empty member it is never empty, and so keeps its lifetime when the last conversation leaves it.
  local made = redis.call('ZADD', unslotted, 0, '', 0, member(person, conversation)) == 2
  -- Whatever prolongs a ready stream prolongs the other two, so one question is enough for all.
  if made or redis.call('TTL', ready) < FRESH_SECONDS then
    redis.call('EXPIRE', ready, QUEUE_SECONDS)
    redis.call('EXPIRE', base .. ':backlog', QUEUE_SECONDS)
    redis.call('EXPIRE', unslotted, QUEUE_SECONDS)
  end
end

-- How many conversations of a person stand announced without a slot. Members and not counters, so that a step that is
-- repeated counts once; one whose lease is gone would keep the person's other questions parked for ever.
local function announced(person)
  local count, unslotted = 0, base .. ':unslotted'
  for _, found in ipairs(redis.call('ZRANGEBYLEX', unslotted, '[' .. person .. '\0', '(' .. person .. '\1')) do
    local conversation = string.sub(found, #person + 2)
    if redis.call('HGET', key('lease', conversation), 'person') == person then
      count = count + 1
    elseif not string.find(conversation, '%z') then -- else of another, whose name goes on with that
      redis.call('ZREM', unslotted, found)
    end
  end
  return count
end

-- Announces the person's next parked conversations, as many as may stand announced.
local function promote(person)
  local parked = key('parked', person)
  while redis.call('EXISTS', parked) == 1 and announced(person) < ANNOUNCED_PER_PERSON do
    local conversation = redis.call('LPOP', parked)
    local at = standing(conversation)
    if at.person == person and not at.entry and first(conversation) then enter(conversation, at.lane, person) end
  end
end

-- Announces a parked conversation out of its turn.
local function unpark(conversation)
  local at = standing(conversation)
  if at.person and not at.entry then
    redis.call('LREM', key('parked', at.person), 1, conversation)
    enter(conversation, at.lane, at.person)
  end
end

-- Takes a conversation that stands there out of what its person waits with. Like the two that follow it leaves the
-- lease to its caller, who writes it once.
local function leave(conversation, at)
  if not at.person then return end
  redis.call('ZREM', base .. ':unslotted', member(at.person, conversation))
  if not at.entry then redis.call('LREM', key('parked', at.person), 1, conversation) end
end

-- Takes its entry out of the ready stream, or it out of the parked list.
local function retire(conversation, at)
  if at.entry then
    local ready = key('ready', at.lane)
    redis.call('XACK', ready, GROUP, at.entry)
    redis.call('XDEL', ready, at.entry)
  end
  leave(conversation, at)
end

-- Gives a mailbox that has got its first job an entry, in the job's lane. One that was handed over is never parked:
-- people may see half of its answer.
local function announce(conversation, lane, author, handed_over)
  local person = lane .. ':' .. author
  if handed_over or announced(person) < ANNOUNCED_PER_PERSON then
    enter(conversation, lane, person)
  else
    redis.call('HSET', key('lease', conversation), 'lane', lane, 'person', person)
    redis.call('RPUSH', key('parked', person), conversation)
    touch(conversation)
  end
end

-- The same for a mailbox whose first job has gone, when another is left.
local function announce_next(conversation, handed_over)
  local head, fields = first(conversation)
  if not head then return end
  announce(conversation, fields.lane, fields.author, handed_over)
  touch(conversation)
end

-- Tells the first who waits for a slot of this server to ask again.
local function wake(server)
  local waiting = redis.call('ZRANGE', key('line', server), 0, 0)[1]
  if waiting then redis.call('PUBLISH', base .. ':slots', waiting) end
end

-- Gives back the slot that its claim has, or its place in the line.
local function unslot(conversation, at)
  if at.slot then redis.call('ZREM', key('slots', at.slot), conversation) end
  if at.line then
    redis.call('ZREM', key('line', at.line), conversation)
    redis.call('ZREM', key('heard', at.line), conversation)
  end
  if at.slot or at.line then wake(at.slot or at.line) end
end

-- A slot, or a place in the line, lasts until then unless it is kept by a renewal.
local function slot_until(lease_seconds) return string.format('%.6f', now() + lease_seconds) end

-- The field of the next message behind these.
local function after(messages) return 'message:' .. (#messages > 0 and messages[#messages][3] or 0) + 1 end

-- {id, conversation, accepted_at, revision, stop, checkpoint, {message, ...}}
local function describe(job, fields, messages)
  local texts = {}
  for i = 1, #messages do texts[i] = messages[i][2] end
  return {job, fields.conversation, fields.accepted_at, fields.revision, fields.stop or '', fields.checkpoint or '',
    texts}
end

local function owns(conversation, job, fence)
  return redis.call('HGET', key('lease', conversation), 'fence') == fence
    and redis.call('EXISTS', key('job', job)) == 1
end

-- Ends a claim. The fence moves on, so that nothing late of this claim is written. `how` is remembered instead: when
-- the answer is lost, the caller asks again. The caller promotes the person.
local function settle(conversation, at, how)
  local lease = key('lease', conversation)
  retire(conversation, at)
  unslot(conversation, at)
  redis.call('HSET', lease, 'fence', string.format('%d', at.fence + 1), 'settled', at.fence .. ':' .. how,
    'lane', '', 'entry', '', 'person', '', 'slot', '', 'line', '', 'job', '', 'token', '', 'owner', '')
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

-- Splits `<job> <conversation> [<what a removal answered>]`, the value of a seen key; nil when there is none.
local function split_seen(value)
  if value then return string.match(value, '^(%S+) (%S+) ?(%S*)$') end
end

local function seen(name) return split_seen(redis.call('GET', key('seen', name))) end

-- The field of a message in a job's hash and its JSON, by its key or a dedupe key; nil when it is not there.
local function find(messages, name)
  for _, at in ipairs(messages) do
    local message = cjson.decode(at[2])
    if message.key == name then return at[1], at[2] end
    for _, other in ipairs(message.dedupe_keys or {}) do
      if other == name then return at[1], at[2] end
    end
  end
end
