-- Purpose: reads everybody at one moment of Redis's clock.
-- KEYS: 1 members, 2 leases, 3 loads.
-- Answers: now in ms, then per member: JSON of it, when its lease runs out in ms, JSON of its load or ''.
local time = redis.call('TIME')
local answer = { tostring(time[1] * 1000 + math.floor(time[2] / 1000)) }
local leases = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for at = 1, #leases, 2 do
  local member = redis.call('HGET', KEYS[1], leases[at])
  if member then
    answer[#answer + 1] = member
    answer[#answer + 1] = leases[at + 1]
    answer[#answer + 1] = redis.call('HGET', KEYS[3], leases[at]) or ''
  end
end
return answer
