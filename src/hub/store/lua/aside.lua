-- Purpose: ends a process that its dispatcher cannot read, so that no other takes it over to find the same.
-- ARGV: 1 key, 2 dispatcher, 3 fence, 4 what is wrong with it.
-- Answers: 1, or 0 when it is not this dispatcher's (any more).
local known = redis.call('HMGET', keyOf('p', ARGV[1]), 'status', 'fence', 'dispatcher')
if known[1] ~= 'RUNNING' or known[2] ~= ARGV[3] or known[3] ~= ARGV[2] then return 0 end
setAside(ARGV[1], ARGV[4])
return 1
