-- Purpose: gives a dispatcher the oldest process that it can serve; first those whose lease has run out.
-- ARGV: 1 dispatcher, 2 lease in ms, 3 JSON list of the algorithms it can serve, 4 running number to go on after,
-- 5 processes looked at at most, 6 ms between two DENYs of the same, 7 attempts of a process at most, 8 bounds of schedule to
-- start, 9 description of an ACCEPT.
-- A process whose record cannot be read is set aside on the way.
-- Answers: {'none'}; {'more', number} when there are further ones to look at; {'claimed', key, fence, attempt, and the
-- fields of the process, of its nodes and of its outputs}.
local served = {}
for _, algorithm in ipairs(cjson.decode(ARGV[3])) do served[algorithm] = true end
local lookedMax = tonumber(ARGV[5])

-- The first algorithm that cannot be served, if any.
local function missingOf(algorithms)
  for _, algorithm in ipairs(algorithms) do
    if not served[algorithm] then return algorithm end
  end
  return nil
end

-- Whether a process had to be set aside, which is asked before anything of it is written.
local function wasSetAside(key, fault)
  fault = fault or kindFaultOf(key)
  if fault then setAside(key, fault) end
  return fault ~= nil
end

local function claimed(key)
  local fence, attempt = hand(key, ARGV[1], ARGV[9], ARGV[2], ARGV[8])
  local answer = { 'claimed', key, fence, attempt }
  for _, part in ipairs({ 'p', 'n', 'o' }) do answer[#answer + 1] = redis.call('HGETALL', keyOf(part, key)) end
  return answer
end

for _, key in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', nowMs, 'LIMIT', 0, lookedMax)) do
  local algorithms, fault = algorithmsOf(key)
  if not wasSetAside(key, fault) then
    local process = keyOf('p', key)
    local attempt = tonumber(redis.call('HGET', process, 'attempt'))
    local isReleased = redis.call('HEXISTS', process, 'released') == 1
    if attempt >= tonumber(ARGV[7]) and not isReleased then
      closeNodes(key, 'FAILED', 'SKIPPED')
      finishUnheld(key, 'FAILED', errorJson('STALLED', attempt .. ' dispatchers began with it and fell silent'))
    elseif missingOf(algorithms) == nil then
      return claimed(key)
    end
  end
end

local function passOver(key, algorithm)
  local last = keyOf('d', key)
  local field = ARGV[1] .. '|no_agent'
  local deniedMs = tonumber(redis.pcall('HGET', last, field)) or 0
  if nowMs - deniedMs < tonumber(ARGV[6]) or wasSetAside(key) then return end
  redis.call('HSET', last, field, nowMs)
  redis.call('PEXPIRE', last, ARGV[6] * 2)
  deny(key, 'no live agent for ' .. algorithm, ARGV[1], 'no_agent')
end

-- The oldest is mostly the one that is taken: a long queue is read bit by bit.
local last, rest = ARGV[4], lookedMax
local READ_MIN, READ_MAX = 4, 100
local readMax = READ_MIN
while rest > 0 do
  local wanted = math.min(readMax, rest)
  local looked = redis.call('ZRANGEBYSCORE', QUEUE, '(' .. last, '+inf', 'WITHSCORES', 'LIMIT', 0, wanted)
  for at = 1, #looked, 2 do
    local key = looked[at]
    local algorithms, fault = algorithmsOf(key)
    local missing = algorithms and missingOf(algorithms)
    if missing then
      passOver(key, missing)
    elseif not wasSetAside(key, fault) then
      return claimed(key)
    end
  end
  if #looked < wanted * 2 then return { 'none' } end
  last, rest, readMax = looked[#looked], rest - wanted, READ_MAX
end
return { 'more', last }
