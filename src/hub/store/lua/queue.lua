-- Purpose: reads the queue, oldest first. ARGV: 1 entries at most.
-- Answers: number of all, createdAt of the oldest or '', now in ms, then per entry: key, createdAt, JSON of its algorithms, denies.
local keys = redis.call('ZRANGE', QUEUE, 0, ARGV[1] - 1)
local oldest = redis.call('ZRANGE', QUEUE, 0, 0)[1]
local oldestMs = oldest and redis.call('HGET', keyOf('p', oldest), 'createdAt') or ''
local answer = { tostring(redis.call('ZCARD', QUEUE)), oldestMs, tostring(nowMs) }
for _, key in ipairs(keys) do
  local entry = redis.call('HMGET', keyOf('p', key), 'createdAt', 'algorithms', 'denies')
  answer[#answer + 1] = key
  for field = 1, 3 do answer[#answer + 1] = entry[field] or '' end
end
return answer
