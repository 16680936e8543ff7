-- Gives back a claim's slot, or its place in the line.
-- ARGV: conversation, job, fence.   Answers 1; a claim that was overtaken or settled has none, and nothing happens.
local conversation, job, fence = ARGV[1], ARGV[2], ARGV[3]
if owns(conversation, job, fence) then
  unslot(conversation, standing(conversation))
  redis.call('HDEL', key('lease', conversation), 'slot', 'line')
end
return 1
