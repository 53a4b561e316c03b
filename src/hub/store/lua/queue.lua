-- Purpose: reads the queue, oldest first. ARGV: 1 entries at most.
-- Answers: number of all, createdAt of the oldest or '', now in ms, then per entry: key, createdAt, JSON of its algorithms, denies.
local keys = redis.call('ZRANGE', QUEUE, 0, ARGV[1] - 1)
local oldest = redis.call('ZRANGE', QUEUE, 0, 0)[1]
local function wholeOr(text, other) return type(text) == 'string' and string.match(text, '^%d+$') or other end
local oldestMs = oldest and wholeOr(redis.pcall('HGET', keyOf('p', oldest), 'createdAt'), '') or ''
local answer = { tostring(redis.call('ZCARD', QUEUE)), oldestMs, tostring(nowMs) }
for _, key in ipairs(keys) do
  -- One that cannot be read is shown until a claim sets it aside.
  local entry = redis.pcall('HMGET', keyOf('p', key), 'createdAt', 'algorithms', 'denies')
  answer[#answer + 1] = key
  answer[#answer + 1] = wholeOr(entry[1], tostring(nowMs))
  answer[#answer + 1] = decoded(entry[2]) and entry[2] or '[]'
  answer[#answer + 1] = wholeOr(entry[3], '0')
end
return answer
