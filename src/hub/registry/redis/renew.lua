-- Purpose: prolongs the lease of one incarnation and keeps its load.
-- KEYS: 1 members, 2 leases, 3 loads, 4 states. ARGV: 1 name, 2 incarnation, 3 lease in ms, 4 JSON of the load, 5 bell channel.
-- Answers: 1, or 0 when the member is not known or has another incarnation.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known or cjson.decode(known).incarnation ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local untilMs = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '0')
local before = redis.call('HGET', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], nowMs + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[4], ARGV[1], 'live')
if untilMs <= nowMs or before ~= ARGV[4] then redis.call('PUBLISH', ARGV[5], 'member') end
return 1
