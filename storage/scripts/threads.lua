-- What the threads' scripts share; it stands in front of each.
-- KEYS: thread, turns, order, screen. ARGV[1]: content seconds. ARGV[2]: what the name of a counts key begins with.
-- The thread's hash remembers its counts keys in fields `counts:<fingerprint>`. Their names are built here, and carry
-- the hash tag of the others.
local thread, turns, order, screen, content_seconds = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1]

local function each_counts(visit)
  for _, field in ipairs(redis.call('HKEYS', thread)) do
    local fingerprint = string.match(field, '^counts:(.*)$')
    if fingerprint then visit(ARGV[2] .. fingerprint, field) end
  end
end

-- All that is kept of a thread lives equally long, or a turn could outlive the place it has in the order.
local function touch()
  for _, name in ipairs({thread, turns, order, screen}) do redis.call('EXPIRE', name, content_seconds) end
  each_counts(function(name) redis.call('EXPIRE', name, content_seconds) end)
end

