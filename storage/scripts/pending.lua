-- ARGV: conversation.   Answers its jobs that are not settled, in order, as `describe` gives them.
local jobs = {}
for _, job in ipairs(redis.call('LRANGE', key('mailbox', ARGV[1]), 0, -1)) do
  local fields, messages = stored(job)
  if fields then jobs[#jobs + 1] = describe(job, fields, messages) end
end
return jobs
