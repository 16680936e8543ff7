-- Moves entries whose worker was not heard of for a lease to this worker. It claims nothing: claim.lua does.
-- ARGV: worker, lease in milliseconds, limit, lanes...   Answers {{lane, entry, conversation}, ...}.
local worker, lease_ms, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}
for i = 4, #ARGV do
  local ready = key('ready', ARGV[i])
  -- XAUTOCLAIM looks at ten entries for each that it may take: with one free place and a thousand jobs running, an
  -- abandoned one would wait for minutes. XPENDING looks at all of them here.
  local pending = limit > #found and redis.pcall('XPENDING', ready, GROUP, 'IDLE', lease_ms, '-', '+', limit - #found)
  if pending and not pending.err then
    for _, abandoned in ipairs(pending) do
      for _, entry in ipairs(redis.call('XCLAIM', ready, GROUP, worker, lease_ms, abandoned[1])) do
        if entry then found[#found + 1] = {ARGV[i], entry[1], entry[2][2]} end
      end
    end
  end
end
return found
