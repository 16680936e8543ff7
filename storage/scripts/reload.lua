-- ARGV: conversation, job, fence.   Answers the job as `describe` gives it, or false when another owns it.
if not owns(ARGV[1], ARGV[2], ARGV[3]) then return false end
return describe(ARGV[2], stored(ARGV[2]))
