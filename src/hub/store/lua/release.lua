-- Purpose: gives a process back at once; whoever takes it over does not count as a further attempt.
-- ARGV: 1 key, 2 dispatcher, 3 fence.
-- Answers: 1, or 0 when it is not this dispatcher's (any more).
local known = redis.call('HMGET', keyOf('p', ARGV[1]), 'status', 'fence', 'dispatcher')
if known[1] ~= 'RUNNING' or known[2] ~= ARGV[3] or known[3] ~= ARGV[2] then return 0 end
redis.call('HSET', keyOf('p', ARGV[1]), 'released', 1)
redis.call('ZADD', LEASES, nowMs, ARGV[1])
ring('queue')
return 1
