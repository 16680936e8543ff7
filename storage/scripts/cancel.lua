-- Stops the head, whether a worker has it or will have it next.
-- ARGV: conversation, the one job that is meant or ''.   Answers 1, or 0 when there is no such job.
local conversation = ARGV[1]
local head = first(conversation)
if not head or (ARGV[2] ~= '' and ARGV[2] ~= head) then return 0 end
touch(conversation)
redis.call('HSETNX', key('job', head), 'stop', 'stopped') -- a question that was deleted stays so
unpark(conversation) -- whoever stops it is told so now, not when its turn comes
signal(redis.call('HGET', key('job', head), 'stop'), conversation)
return 1
