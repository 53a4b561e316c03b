-- Purpose: takes one incarnation of a member out at once.
-- KEYS: 1 members, 2 leases, 3 loads, 4 states. ARGV: 1 name, 2 incarnation, 3 bell channel.
-- Answers: 1 when it was there, else 0.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known or cjson.decode(known).incarnation ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('PUBLISH', ARGV[3], 'member')
return 1
