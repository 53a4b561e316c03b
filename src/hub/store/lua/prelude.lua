-- Stands before every other script of this folder.
-- KEYS: 1 queue, 2 leases, 3 done, 4 counters, 5 numbers, 6 ends, 7 series. Keys of single processes are made here: which ones a script
-- touches is found while it runs; all share the hash tag, and so the slot.
local QUEUE, LEASES, DONE, COUNTERS, NUMBERS, ENDS, SERIES = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local CHECKS_MAX, LINES_MAX, LINES_BYTES_MAX, ENDS_MAX = 100, 1000, 1048576, 100000
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)

local function keyOf(part, key) return '{hub}:' .. part .. ':' .. key end
local function ring(word) redis.call('PUBLISH', '{hub}:bell', word) end
local function count(name, by) redis.call('HINCRBY', COUNTERS, name, by or 1) end

-- Adds to a histogram: `bounds` are its upper bounds, rising, with commas.
local function observe(name, bounds, seconds)
  local at = 0
  for bound in string.gmatch(bounds, '[^,]+') do
    if seconds <= tonumber(bound) then break end
    at = at + 1
  end
  count(name .. ':' .. at)
  redis.call('HINCRBYFLOAT', COUNTERS, name .. ':sum', string.format('%.6f', seconds))
end

local function pushBounded(list, value, max)
  local length = redis.call('RPUSH', list, value)
  if length > max then redis.call('LTRIM', list, -max, -1) end
  return math.max(0, length - max)
end

-- Keeps the newest lines of a process, by number and by bytes, and counts the others.
local function keepLines(key, lines)
  if #lines == 0 then return end
  local process, list = keyOf('p', key), keyOf('l', key)
  local added = 0
  for _, line in ipairs(lines) do
    redis.call('RPUSH', list, line)
    added = added + #line
  end
  local bytes = redis.call('HINCRBY', process, 'linesBytes', added)
  local length, dropped, freed = redis.call('LLEN', list), 0, 0
  while length - dropped > LINES_MAX or bytes - freed > LINES_BYTES_MAX do
    freed = freed + #redis.call('LPOP', list)
    dropped = dropped + 1
  end
  if dropped == 0 then return end
  redis.call('HINCRBY', process, 'linesBytes', -freed)
  redis.call('HINCRBY', process, 'linesDropped', dropped)
end

local function addCheck(key, status, description, checker)
  local check = { at = nowMs, status = status, description = description, checkerKey = checker }
  local dropped = pushBounded(keyOf('c', key), cjson.encode(check), CHECKS_MAX)
  if dropped > 0 then redis.call('HINCRBY', keyOf('p', key), 'checksDropped', dropped) end
end

-- Counts a dispatcher's DENY, and keeps it in the check log.
local function deny(key, description, checker, reason)
  addCheck(key, 'DENY', description, checker)
  redis.call('HINCRBY', keyOf('p', key), 'denies', 1)
  count('denies:' .. reason)
end

-- Gives a process to a dispatcher. Answers the fence and the attempt.
local function hand(key, checker, description, leaseMs, bounds)
  local process = keyOf('p', key)
  local fence = redis.call('HINCRBY', NUMBERS, 'fence', 1)
  local isFirst = redis.call('HGET', process, 'status') == 'PENDING'
  local wasReleased = redis.call('HDEL', process, 'released') == 1
  local attempt = tonumber(redis.call('HGET', process, 'attempt'))
  if not wasReleased then attempt = redis.call('HINCRBY', process, 'attempt', 1) end
  redis.call('HSET', process, 'status', 'RUNNING', 'dispatcher', checker, 'fence', fence)
  redis.call('HSETNX', process, 'startedAt', nowMs)
  redis.call('ZREM', QUEUE, key)
  redis.call('ZADD', LEASES, nowMs + leaseMs, key)
  redis.call('DEL', keyOf('d', key))
  addCheck(key, 'ACCEPT', description, checker)
  if isFirst then
    count('dispatched')
    observe('scheduleToStart', bounds, (nowMs - redis.call('HGET', process, 'createdAt')) / 1000)
  else
    count('takeovers')
  end
  return fence, attempt
end

-- The table that a text is the JSON of, or nil.
local function decoded(json)
  local isJson, value = pcall(cjson.decode, json)
  return isJson and type(value) == 'table' and value or nil
end

-- What has not ended is told so, and so is what cannot be read: `running` and `waiting` are the words for nodes that did either.
local function closeNodes(key, running, waiting)
  local nodes = redis.call('HGETALL', keyOf('n', key))
  for at = 1, #nodes, 2 do
    local node = decoded(nodes[at + 1]) or { status = 'RUNNING', agent = cjson.null, attempt = 0 }
    local word = node.status == 'RUNNING' and running or node.status == 'WAITING' and waiting
    if word then
      node.status = word
      redis.call('HSET', keyOf('n', key), nodes[at], cjson.encode(node))
    end
  end
end

-- Ends a process. `errors`, `warnings`, `output` are JSON.
local function finish(key, outcome, errors, warnings, output)
  local process = keyOf('p', key)
  redis.call('HSET', process, 'status', 'FINISHED', 'outcome', outcome, 'finishedAt', nowMs,
    'errors', errors, 'warnings', warnings, 'output', output)
  redis.call('ZREM', QUEUE, key)
  redis.call('ZREM', LEASES, key)
  redis.call('ZADD', DONE, nowMs, key)
  if redis.call('HGET', process, 'adhoc') == '1' then redis.call('HDEL', process, 'flow') end
  redis.call('DEL', keyOf('o', key), keyOf('d', key))
  count('finished:' .. string.lower(outcome))
end

-- Ends a process that no dispatcher holds; the hub reports it.
local function finishUnheld(key, outcome, errors)
  finish(key, outcome, errors, '[]', 'null')
  pushBounded(ENDS, key, ENDS_MAX)
end

local function errorJson(code, message) return cjson.encode({ { code = code, message = message } }) end
