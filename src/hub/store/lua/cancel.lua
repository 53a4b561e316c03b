-- Purpose: cancels a process that has not ended. Against a racing ACCEPT one of the two comes first, never both.
-- ARGV: 1 key, 2 flow key that it must be of; '' = must be ad hoc; '*' = any.
-- Answers: 'unknown', 'finished', 'cancelled'.
local key, process = ARGV[1], keyOf('p', ARGV[1])
local known = redis.call('HMGET', process, 'status', 'flowKey')
if not known[1] or (ARGV[2] ~= '*' and known[2] ~= ARGV[2]) then return 'unknown' end
if known[1] == 'FINISHED' then return 'finished' end
local leaseMs = tonumber(redis.call('ZSCORE', LEASES, key) or '0')
closeNodes(key, 'CANCELLED', 'CANCELLED')
local errors = errorJson('CANCELLED', 'the process was deleted')
if leaseMs > nowMs then finish(key, 'CANCELLED', errors, '[]', 'null') else finishUnheld(key, 'CANCELLED', errors) end
ring('cancel ' .. key)
return 'cancelled'
