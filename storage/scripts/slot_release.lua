-- Gives back a claim's slot, or its place in the line.
-- ARGV: conversation, job, fence.   Answers 1; a claim that was overtaken or settled has none, and nothing happens.
if owns(ARGV[1], ARGV[2], ARGV[3]) then unslot(ARGV[1]) end
return 1
