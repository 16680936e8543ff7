-- Forgets workers that hold nothing and were not heard of for long; each process has a name of its own, so the list
-- would grow with every start. In one step, because forgetting a worker drops the entries it holds.
-- ARGV: longest silence in milliseconds, lanes...   Answers how many were forgotten.
local forgotten = 0
for i = 2, #ARGV do
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key('ready', ARGV[i]), GROUP)) do
    local worker = {}
    for j = 1, #info, 2 do worker[info[j]] = info[j + 1] end
    if worker.pending == 0 and worker.idle > tonumber(ARGV[1]) then
      redis.call('XGROUP', 'DELCONSUMER', key('ready', ARGV[i]), GROUP, worker.name)
      forgotten = forgotten + 1
    end
  end
end
return forgotten
