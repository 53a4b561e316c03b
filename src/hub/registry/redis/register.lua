-- Purpose: enters a member, or a new start of it, as live.
-- KEYS: 1 members, 2 leases, 3 loads, 4 states. ARGV: 1 name, 2 JSON of the member, 3 lease in ms, 4 bell channel.
-- Answers: 1.
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], nowMs + ARGV[3], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], 'live')
redis.call('PUBLISH', ARGV[4], 'member')
return 1
