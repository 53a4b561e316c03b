-- Purpose: says whether a hub is the one that prints what all hubs share; makes it that one when there is none.
-- ARGV: 1 id of this start of the hub, 2 ms after which another may be it; 0 = gives it up.
-- Answers: 1 or 0.
local holder = redis.call('GET', SERIES)
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', SERIES)
  return 0
end
redis.call('SET', SERIES, ARGV[1], 'PX', ARGV[2])
return 1
