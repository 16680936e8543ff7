-- Adds the turns and ends the job.
-- ARGV: conversation, job, fence, revision, ending, cut, content seconds, then of each turn its id, its JSON,
--       and '1' when it takes the place of a stored one: of one that was forgotten meanwhile nothing may come back.
-- Answers 'done', 'lost', or why it was not ended: 'restart', 'removed'.
local conversation, job, fence, ending, content_seconds = ARGV[1], ARGV[2], ARGV[3], ARGV[5], ARGV[7]
local at = standing(conversation)
if at.settled == fence .. ':finish' then return 'done' end
local asked = redis.call('HMGET', key('job', job), 'revision', 'stop')
if at.fence ~= fence or not asked[1] then return 'lost' end
if ending ~= 'removed' then
  if asked[2] == 'removed' then return 'removed' end
  if asked[1] ~= ARGV[4] then return 'restart' end
end

-- Ends first, adds after: a full server refuses a script's first growing write only, and this one must get through.
settle(conversation, at, 'finish')
drop(conversation, job)
if at.person then promote(at.person) end -- before this thread's next question: that comes after what waited longer
announce_next(conversation)

local thread, turns, order = key('thread', conversation), key('turns', conversation), key('order', conversation)
-- Asked before the turns are added, which may make these keys. All three live equally long.
local is_fresh = redis.call('TTL', order) > content_seconds * 0.99
if ending ~= 'removed' then
  local added, texts = {}, {}
  for i = 8, #ARGV, 3 do
    local id, json, replaces = ARGV[i], ARGV[i + 1], ARGV[i + 2] == '1'
    if not replaces then added[#added + 1] = id end
    if not replaces or redis.call('ZSCORE', order, id) then
      texts[#texts + 1] = id
      texts[#texts + 1] = json
    end
  end
  if #texts > 0 then redis.call('HSET', turns, unpack(texts)) end
  -- A turn that stands there keeps its place, and the one that was meant for it stays empty.
  local last, places = redis.call('HINCRBY', thread, 'next_seq', #added), {}
  for i, id in ipairs(added) do
    places[#places + 1] = last - #added + i
    places[#places + 1] = id
  end
  if #added > 0 then redis.call('ZADD', order, 'NX', unpack(places)) end
  if tonumber(ARGV[6]) > 0 and tonumber(ARGV[6]) > tonumber(redis.call('HGET', thread, 'cut') or 0) then
    redis.call('HSET', thread, 'cut', ARGV[6])
  end
end
if not is_fresh then
  for _, name in ipairs({thread, turns, order}) do redis.call('EXPIRE', name, content_seconds) end
end
return 'done'
