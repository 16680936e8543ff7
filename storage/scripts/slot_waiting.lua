-- Answers how many conversations have a question and no slot: those that stand announced without one, and the parked
-- ones of who has as many announced as may be. A lane of errands ends with '!'.
local waiting, of_person = 0, {}
for _, found in ipairs(redis.call('ZRANGE', base .. ':unslotted', 0, -1)) do
  local person = string.match(found, '^([^:]*[^!:]:.*)%z')
  if person then
    waiting = waiting + 1
    of_person[person] = (of_person[person] or 0) + 1
    if of_person[person] == ANNOUNCED_PER_PERSON then waiting = waiting + redis.call('LLEN', key('parked', person)) end
  end
end
return waiting
