-- Takes the heads of conversations whose entries this worker has read.
-- ARGV: worker, then for each: lane, entry, conversation, token.
-- Answers for each {fence, attempts, job as `describe` gives it}, or false when there is nothing to take.
local worker = ARGV[1]

local function claim(lane, entry, conversation, token)
  local ready, lease = key('ready', lane), key('lease', conversation)
  -- A worker that slept after reading the entry must not take it from whoever took it over meanwhile.
  local pending = redis.pcall('XPENDING', ready, GROUP, entry, entry, 1, worker)
  if pending.err or #pending == 0 then return false end

  local job = first(conversation)
  local own = redis.call('HGET', lease, 'entry')
  if not job or (own and own ~= entry) then
    redis.call('XACK', ready, GROUP, entry)
    redis.call('XDEL', ready, entry)
    if own == entry then
      local person = retire(conversation)
      if person then promote(person) end
    end
    return false
  end

  -- First, because a full server refuses a script's first growing write only: what waits is still answered.
  redis.call('XCLAIM', ready, GROUP, worker, 0, entry, 'IDLE', 0, 'JUSTID')
  if redis.call('HGET', lease, 'token') ~= token then
    unslot(conversation) -- of the worker that this one takes over from
    redis.call('HINCRBY', lease, 'fence', 1)
    redis.call('HINCRBY', key('job', job), 'attempts', 1)
    redis.call('HSET', lease, 'token', token, 'owner', worker, 'job', job, 'lane', lane, 'entry', entry)
  end
  keep(conversation)
  return {redis.call('HGET', lease, 'fence'), redis.call('HGET', key('job', job), 'attempts'), describe(job)}
end

local claims = {}
for i = 2, #ARGV, 4 do
  claims[#claims + 1] = claim(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return claims
