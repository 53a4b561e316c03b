-- Purpose: puts a process into the queue, once per client key.
-- ARGV: 1 key, 2 client key or '', 3 digest of what was submitted, 4 how long the client key is remembered in ms,
-- 5 flow key or '' for ad hoc, 6 name of the flow, 7 JSON of the flow, 8 of the data, 9 of its algorithms, 10 of its node ids,
-- 11 processes that may wait at most.
-- Answers: {'new', key}, {'known', key, status}, {'reused'} for other content under the client key, {'full'}.
if ARGV[2] ~= '' then
  local known = redis.call('HMGET', keyOf('k', ARGV[2]), 'key', 'digest')
  if known[1] then
    local status = redis.call('HGET', keyOf('p', known[1]), 'status')
    if status and known[2] ~= ARGV[3] then return { 'reused' } end
    if status then return { 'known', known[1], status } end
  end
end
if redis.call('ZCARD', QUEUE) >= tonumber(ARGV[11]) then return { 'full' } end
local process = keyOf('p', ARGV[1])
redis.call('HSET', process, 'flowKey', ARGV[5], 'adhoc', ARGV[5] == '' and 1 or 0, 'flowName', ARGV[6], 'flow', ARGV[7],
  'data', ARGV[8], 'algorithms', ARGV[9], 'nodeIds', ARGV[10], 'createdAt', nowMs, 'status', 'PENDING', 'attempt', 0, 'denies', 0,
  'done', 0)
for _, id in ipairs(cjson.decode(ARGV[10])) do
  redis.call('HSET', keyOf('n', ARGV[1]), id, '{"status":"WAITING","agent":null,"attempt":0}')
end
local number = redis.call('HINCRBY', NUMBERS, 'process', 1)
redis.call('ZADD', QUEUE, number, ARGV[1])
if ARGV[5] ~= '' then redis.call('ZADD', keyOf('f', ARGV[5]), number, ARGV[1]) end
if ARGV[2] ~= '' then
  redis.call('HSET', keyOf('k', ARGV[2]), 'key', ARGV[1], 'digest', ARGV[3])
  redis.call('PEXPIRE', keyOf('k', ARGV[2]), ARGV[4])
end
count('added')
ring('queue')
return { 'new', ARGV[1] }
