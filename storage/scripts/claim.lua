-- Takes the heads of conversations that wait: of those whose entries this worker has read, and of the next in line.
-- ARGV: worker, token, how many of each lane it reads, how many lanes, lanes..., then for each entry that was read:
--       lane, entry, conversation.
-- Answers for each that there was to take {entry, fence, attempts, job as `describe` gives it}.
local worker, token, share, lanes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local claims = {}

local function claim(lane, entry, conversation)
  local lease, at = key('lease', conversation), standing(conversation)
  local job, fields, messages = first(conversation)
  if not job or (at.entry and at.entry ~= entry) then
    redis.call('XACK', key('ready', lane), GROUP, entry)
    redis.call('XDEL', key('ready', lane), entry)
    if at.entry == entry then
      leave(conversation, at)
      redis.call('HDEL', lease, 'lane', 'entry', 'person')
      if at.person then promote(at.person) end
    end
    return
  end

  local fence, crashes = at.fence, fields.crashes or 0
  if at.token ~= token then
    -- Its worker died with it; one that only stood in line broke nothing.
    if at.job == job and not at.line then crashes = redis.call('HINCRBY', key('job', job), 'crashes', 1) end
    fence = string.format('%d', (fence or 0) + 1)
    if at.slot or at.line then -- of the worker that this one takes over from
      unslot(conversation, at)
      redis.call('HDEL', lease, 'slot', 'line')
    end
    redis.call('HSET', lease, 'fence', fence, 'token', token, 'owner', worker, 'job', job)
    if not at.entry then -- somebody deleted the lease
      redis.call('HSET', lease, 'lane', lane, 'entry', entry)
      redis.call('EXPIRE', lease, QUEUE_SECONDS)
    end
  end
  claims[#claims + 1] = {entry, fence, crashes + 1, describe(job, fields, messages)}
end

-- What was read before this call is claimed only as long as it is this worker's: one that slept meanwhile must not take
-- it from whoever took it over.
local function claim_again(lane, entry, conversation)
  local ready = key('ready', lane)
  local pending = redis.pcall('XPENDING', ready, GROUP, entry, entry, 1, worker)
  if pending.err or #pending == 0 then return end
  -- First, because a full server refuses a script's first growing write only: what waits is still answered.
  redis.call('XCLAIM', ready, GROUP, worker, 0, entry, 'IDLE', 0, 'JUSTID')
  claim(lane, entry, conversation)
end

for i = 5 + lanes, #ARGV, 3 do claim_again(ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
if lanes == 0 then return claims end

-- When the answer was lost, the call is made again with its token. What it read is remembered under that, or it would
-- be this worker's without its knowing.
local memory = key('claimed', worker)
local before = redis.call('GET', memory)
if before and string.sub(before, 1, #token) == token then
  for lane, entry, conversation in string.gmatch(before, ' (%S+) (%S+) (%S+)') do
    claim_again(lane, entry, conversation)
  end
  return claims
end

local streams, lane_of = {}, {}
for i = 1, lanes do
  streams[i], streams[lanes + i] = key('ready', ARGV[4 + i]), '>'
  lane_of[streams[i]] = ARGV[4 + i]
end
local found = redis.pcall('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', share, 'STREAMS', unpack(streams)) or {}
-- Without its group a lane has nothing to read; it is made by whoever waits for the next entry.
if found.err and not string.find(found.err, 'NOGROUP') then error(found.err) end
local read = {token}
for _, stream in ipairs(found) do
  for _, entry in ipairs(stream[2]) do
    local lane, conversation = lane_of[stream[1]], entry[2][2]
    read[#read + 1] = lane .. ' ' .. entry[1] .. ' ' .. conversation
    claim(lane, entry[1], conversation)
  end
end
if #read > 1 then redis.call('SET', memory, table.concat(read, ' '), 'EX', SLOT_SECONDS) end
return claims
