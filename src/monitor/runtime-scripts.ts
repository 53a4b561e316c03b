/** Scripts on the keys of runtimes. Each may run twice. */

export const claim = `
-- Purpose: takes an id for a namespace. KEYS[1] all runtimes. ARGV: id, namespace, how many there may be.
-- Answers: 'new', 'known', 'elsewhere', 'full'.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then return known == ARGV[2] and 'known' or 'elsewhere' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 'new'
`

export const register = `
-- Purpose: enters a runtime or replaces how it is reached. KEYS: runtime, counters. ARGV: spec, token, now in ms.
-- Answers: 'created', 'replaced', 'ended'.
-- Revisions count from the moment of the registration: one that was deleted and entered again never looks as it did before.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'ENDED' then return 'ended' end
redis.call('HSET', KEYS[1], 'spec', ARGV[1], 'token', ARGV[2])
if state then
  redis.call('HINCRBY', KEYS[1], 'rev', 1)
  return 'replaced'
end
local time = redis.call('TIME')
local born = time[1] .. string.format('%06d', time[2])
redis.call('HSET', KEYS[1], 'state', 'ACTIVE', 'registeredAtMs', ARGV[3], 'born', born, 'rev', born)
redis.call('HINCRBY', KEYS[2], '["runtimes","ACTIVE"]', 1)
return 'created'
`

export const wish = `
-- Purpose: notes what somebody asks of a runtime. KEYS[1] runtime. ARGV: field, value. Answers 1, or 0 when it is not there or has ended.
local state = redis.call('HGET', KEYS[1], 'state')
if not state or state == 'ENDED' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'rev', 1)
return 1
`

export const setHome = `
-- Purpose: sets or clears the monitor a runtime belongs to. KEYS[1] runtime. ARGV: its name, '' = clear.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '' then return redis.call('HDEL', KEYS[1], 'home') end
return redis.call('HSET', KEYS[1], 'home', ARGV[1])
`

export const commit = `
-- Purpose: moves the offsets of a runtime and writes what came with it, all or nothing, if the lease is still the caller's.
-- KEYS: lease, runtime, counters, list of refused messages, hash of opaque ones.
-- ARGV: fence, registration it is of, token of the batch ('' = none), token of the polls ('' = none), state ('' = as it is);
--   number of offsets, then for each: field, value expected, value to set ('' = none);
--   number of fields, then for each: field, value ('' = none);
--   twice (of the batch, of the polls): number of totals, then for each: field, by how much;
--   refused: entries kept, number of new ones, the new ones; opaque: entries kept of a topic, number of new ones, topic and text of each.
-- Answers: 'ok' (also when this batch was committed before), 'fenced', 'gone' (also when it was registered anew), 'conflict'.
-- What is under a token counts once, however often it comes: a lost answer makes the same come again.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 'fenced' end
local state = redis.call('HGET', KEYS[2], 'state')
if not state or (redis.call('HGET', KEYS[2], 'born') or '') ~= ARGV[2] then return 'gone' end
if ARGV[3] ~= '' and redis.call('HGET', KEYS[2], 'batch') == ARGV[3] then return 'ok' end
local at = 6
local offsets = tonumber(ARGV[at])
for i = 0, offsets - 1 do
  local p = at + 1 + i * 3
  if (redis.call('HGET', KEYS[2], ARGV[p]) or '') ~= ARGV[p + 1] then return 'conflict' end
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], 'batch', ARGV[3]) end
local function put(field, value)
  if value == '' then redis.call('HDEL', KEYS[2], field) else redis.call('HSET', KEYS[2], field, value) end
end
for i = 0, offsets - 1 do put(ARGV[at + 1 + i * 3], ARGV[at + 3 + i * 3]) end
at = at + 1 + offsets * 3
local fields = tonumber(ARGV[at])
for i = 0, fields - 1 do put(ARGV[at + 1 + i * 2], ARGV[at + 2 + i * 2]) end
at = at + 1 + fields * 2
local arePollsKnown = ARGV[4] ~= '' and redis.call('HGET', KEYS[2], 'polls') == ARGV[4]
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'polls', ARGV[4]) end
for list = 1, 2 do
  local totals = tonumber(ARGV[at])
  for i = 0, totals - 1 do
    if list == 1 or not arePollsKnown then redis.call('HINCRBY', KEYS[3], ARGV[at + 1 + i * 2], ARGV[at + 2 + i * 2]) end
  end
  at = at + 1 + totals * 2
end
local refusedMax, refusals = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
for i = 1, refusals do redis.call('LPUSH', KEYS[4], ARGV[at + 1 + i]) end
if refusals > 0 then redis.call('LTRIM', KEYS[4], 0, refusedMax - 1) end
at = at + 2 + refusals
-- Of each topic a ring: its field counts what came, '<topic>:<place>' holds what came last at that place.
local ring, opaque = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
for i = 1, opaque do
  local topic, text = ARGV[at + i * 2], ARGV[at + 1 + i * 2]
  local number = redis.call('HINCRBY', KEYS[5], topic, 1)
  redis.call('HSET', KEYS[5], topic .. ':' .. (number % ring), text)
end
if ARGV[5] ~= '' and ARGV[5] ~= state then
  redis.call('HSET', KEYS[2], 'state', ARGV[5])
  redis.call('HINCRBY', KEYS[3], '["runtimes","' .. state .. '"]', -1)
  redis.call('HINCRBY', KEYS[3], '["runtimes","' .. ARGV[5] .. '"]', 1)
end
return 'ok'
`

export const finish = `
-- Purpose: ends a runtime: its offsets and its lease go. KEYS: lease, runtime, counters, fencing number.
-- ARGV: fence, registration it is of, now in ms, detail. Answers 1, or 0 when the lease is another's or the runtime is gone.
local state = redis.call('HGET', KEYS[2], 'state')
if not state or (redis.call('HGET', KEYS[2], 'born') or '') ~= ARGV[2] then return 0 end
if state == 'ENDED' then return 1 end
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.match(field, '^[olg]:') or field == 'statuses' or field == 'batch' or field == 'polls' then redis.call('HDEL', KEYS[2], field) end
end
redis.call('HSET', KEYS[2], 'state', 'ENDED', 'endedAtMs', ARGV[3], 'detail', ARGV[4])
redis.call('HDEL', KEYS[2], 'token', 'home')
redis.call('HINCRBY', KEYS[3], '["runtimes","' .. state .. '"]', -1)
redis.call('HINCRBY', KEYS[3], '["runtimes","ENDED"]', 1)
redis.call('DEL', KEYS[1], KEYS[4])
return 1
`

export const remove = `
-- Purpose: forgets a runtime. KEYS: runtime, counters, refused messages, opaque ones, lease, fencing number.
-- Fencing numbers may begin anew: an owner that stood still since before is told apart by the registration that it writes under.
local state = redis.call('HGET', KEYS[1], 'state')
if state then redis.call('HINCRBY', KEYS[2], '["runtimes","' .. state .. '"]', -1) end
return redis.call('DEL', KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
`
