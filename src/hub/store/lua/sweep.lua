-- Purpose: ends what nobody took over, and removes what has ended long ago.
-- ARGV: 1 ms after the end of its lease after which a process is lost, 2 retention in ms, 3 processes at most of either.
-- Answers: number lost, number removed.
local lost = redis.call('ZRANGEBYSCORE', LEASES, '-inf', nowMs - ARGV[1], 'LIMIT', 0, ARGV[3])
for _, key in ipairs(lost) do
  local _, fault = algorithmsOf(key)
  fault = fault or kindFaultOf(key)
  if fault then
    setAside(key, fault)
  else
    closeNodes(key, 'FAILED', 'SKIPPED')
    finishUnheld(key, 'LOST', errorJson('PROCESS_LOST', 'its dispatcher fell silent and no other took it over'))
  end
end
local old = redis.call('ZRANGEBYSCORE', DONE, '-inf', nowMs - ARGV[2], 'LIMIT', 0, ARGV[3])
for _, key in ipairs(old) do
  local flowKey = redis.pcall('HGET', keyOf('p', key), 'flowKey')
  if type(flowKey) == 'string' and flowKey ~= '' then redis.call('ZREM', keyOf('f', flowKey), key) end
  redis.call('DEL', keyOf('p', key), keyOf('n', key), keyOf('o', key), keyOf('c', key), keyOf('l', key), keyOf('d', key))
  redis.call('ZREM', DONE, key)
end
return { #lost, #old }
