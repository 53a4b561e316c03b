-- Purpose: takes a decision on a process that came by REST. Exactly one ACCEPT wins.
-- ARGV: 1 key, 2 ACCEPT or DENY, 3 description, 4 dispatcher, 5 reason of a DENY, 6 lease in ms, 7 bounds of schedule to start.
-- Answers: {'unknown'}, {'late'} when it does not wait any more, {'denied'}, {'accepted', fence}.
local status = redis.call('HGET', keyOf('p', ARGV[1]), 'status')
if not status then return { 'unknown' } end
if status ~= 'PENDING' then return { 'late' } end
if ARGV[2] == 'DENY' then
  deny(ARGV[1], ARGV[3], ARGV[4], ARGV[5])
  return { 'denied' }
end
local fence = hand(ARGV[1], ARGV[4], ARGV[3], ARGV[6], ARGV[7])
return { 'accepted', fence }
