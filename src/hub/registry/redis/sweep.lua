-- Purpose: finds leases that have run out, tells each change of state once, and forgets who has been lost for long.
-- KEYS: 1 members, 2 leases, 3 loads, 4 states. ARGV: 1 suspect ms, 2 forget ms, 3 bell channel, 4 members looked at at most.
-- Answers: name, new state ('suspect' or 'lost'), JSON of the member, for each that changed.
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local changes = {}
local isChanged = false
local overdue = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', nowMs, 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for at = 1, #overdue, 2 do
  local name = overdue[at]
  local overdueMs = nowMs - overdue[at + 1]
  local state = overdueMs < tonumber(ARGV[1]) and 'suspect' or 'lost'
  local before = redis.call('HGET', KEYS[4], name)
  if overdueMs >= ARGV[1] + ARGV[2] then
    redis.call('HDEL', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
    redis.call('HDEL', KEYS[3], name)
    redis.call('HDEL', KEYS[4], name)
    isChanged = true
  elseif before ~= state then
    redis.call('HSET', KEYS[4], name, state)
    changes[#changes + 1] = name
    changes[#changes + 1] = state
    changes[#changes + 1] = redis.call('HGET', KEYS[1], name) or '{}'
    isChanged = true
  end
end
if isChanged then redis.call('PUBLISH', ARGV[3], 'member') end
return changes
