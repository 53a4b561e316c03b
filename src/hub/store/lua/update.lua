-- Purpose: everything that a dispatcher writes of a process it has: lease, nodes, lines, end. All of it or nothing.
-- ARGV: 1 key, 2 dispatcher, 3 fence, 4 lease in ms or '' to leave it, 5 bounds of node time, 6 number of nodes, then per node:
-- id, status, JSON, JSON of its output or '', algorithm, seconds or ''; then number of lines, then the lines as JSON;
-- then outcome or '', JSON of errors, of warnings, of the output.
-- Answers: 'ok', 'unknown', 'stale' for another's fence, 'finished', 'node:<id>' for a node that the flow has not.
local key, process = ARGV[1], keyOf('p', ARGV[1])
local at = 6
local function take() at = at + 1 return ARGV[at] end
local nodes, lines = {}, {}
for index = 1, tonumber(ARGV[6]) do
  nodes[index] = { id = take(), status = take(), json = take(), output = take(), algorithm = take(), seconds = take() }
end
for index = 1, tonumber(take()) do lines[index] = take() end
local outcome, errors, warnings, output = take(), take(), take(), take()

local known = redis.call('HMGET', process, 'status', 'fence', 'dispatcher', 'outcome')
if not known[1] then return 'unknown' end
if known[2] ~= ARGV[3] or known[3] ~= ARGV[2] then
  count('refused:fence_stale')
  return 'stale'
end
if known[1] == 'FINISHED' then return outcome == known[4] and 'ok' or 'finished' end

for _, node in ipairs(nodes) do
  if redis.call('HEXISTS', keyOf('n', key), node.id) == 0 then return 'node:' .. node.id end
end
for _, node in ipairs(nodes) do
  -- What is done stays done: an update that was sent twice comes after what followed it.
  if cjson.decode(redis.call('HGET', keyOf('n', key), node.id)).status ~= 'DONE' then
    redis.call('HSET', keyOf('n', key), node.id, node.json)
    if node.status == 'DONE' then
      redis.call('HSET', keyOf('o', key), node.id, node.output)
      redis.call('HINCRBY', process, 'done', 1)
      if node.seconds ~= '' then observe('node:' .. node.algorithm, ARGV[5], tonumber(node.seconds)) end
    end
  end
end
keepLines(key, lines)
if outcome ~= '' then
  closeNodes(key, 'CANCELLED', 'SKIPPED')
  finish(key, outcome, errors, warnings, output)
elseif ARGV[4] ~= '' then
  redis.call('ZADD', LEASES, nowMs + ARGV[4], key)
end
return 'ok'
