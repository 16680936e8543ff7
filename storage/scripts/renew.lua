-- Keeps claims, and with each the slot of the model that it has, or its place in the line.
-- ARGV: worker, lease in seconds, then for each: conversation, job, fence.
-- Answers for each {revision, stop or ''}; 'lost' when another owns it; 'settled' when this worker ended it.
local worker, lease_seconds = ARGV[1], tonumber(ARGV[2])

local function renew(conversation, job, fence)
  if not owns(conversation, job, fence) then
    local last = redis.call('HGET', key('lease', conversation), 'settled')
    return last and string.match(last, '^%d+') == fence and 'settled' or 'lost'
  end
  local at = standing(conversation)
  -- Without its group (somebody removed it) there is no lease to refresh; the fence still protects every write.
  local kept = redis.pcall('XCLAIM', key('ready', at.lane), GROUP, worker, 0, at.entry, 'IDLE', 0, 'JUSTID')
  if kept.err and not string.find(kept.err, 'NOGROUP') then error(kept.err) end
  if at.slot then
    -- Put back when it ran out meanwhile: the answer went on, and whoever asks for a slot now must count it.
    redis.call('ZADD', key('slots', at.slot), slot_until(lease_seconds), conversation)
    redis.call('EXPIRE', key('slots', at.slot), SLOT_SECONDS)
  end
  if at.line then redis.call('ZADD', key('heard', at.line), 'XX', slot_until(lease_seconds), conversation) end
  keep(conversation)
  local asked = redis.call('HMGET', key('job', job), 'revision', 'stop')
  return {asked[1], asked[2] or ''}
end

local answers = {}
for i = 3, #ARGV, 3 do
  answers[#answers + 1] = renew(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return answers
