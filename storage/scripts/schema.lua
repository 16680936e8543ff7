-- Claims the store for a version of the layout, unless it has one that this program does not know.
-- KEYS: schema. ARGV: version, seconds to live. Answers the version that the store has now.
local stored = redis.call('GET', KEYS[1])
if stored and not (tonumber(stored) and tonumber(stored) <= tonumber(ARGV[1])) then return stored end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[1]
