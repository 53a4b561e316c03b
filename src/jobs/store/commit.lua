#!lua
-- Purpose: applies changes of several records of one shard, each whole or not at all.
--   A record (a job, an engine) is a hash whose field `v` holds a token. A change names the token it was made from;
--   where another replica has written in the meantime the token differs and the change is left out (a conflict).
--   Running the same call twice does nothing the second time, since the first has changed the token.
--   The `#!lua` line makes Redis refuse the call before its first write when memory is full: there is no half effect.
-- KEYS: all keys that are written, of one hash slot. KEYS[1] is the shard's event stream, KEYS[2] its counters.
-- ARGV: eventsMax, number of changes, then for each change:
--   index of the record's key, token expected ('' = must not exist), token to set ('' = delete the record,
--   the one expected = nothing is written, it is only looked whether the record is still as it was),
--   number of commands, then each command as: name, index of its key, number of arguments, arguments;
--   number of event fields, then those fields (name and value in turn).
--   The command TAIL stands for: append ARGV[+1] to a list whose bytes are counted in field `tb` of the record,
--   and drop from its other end until they are at most ARGV[+2].
--   A command has at most 1000 arguments. Very many event fields are spread over several entries of the stream.
-- Answers: {microseconds of Redis TIME, id of the event entry before, id of the newest one ('' = none), '1' or '0' per change}
local at = 2
local count = tonumber(ARGV[at])
local outcomes = {}
local events = {}

-- Lua refuses to spread much more than this over the arguments of one call.
local spreadMax = 1000

local function appendTail(record, list, entry, bytesMax)
  -- A list that has expired in the meantime begins anew, and so does its count.
  if redis.call('RPUSH', list, entry) == 1 then redis.call('HSET', record, 'tb', 0) end
  local bytes = redis.call('HINCRBY', record, 'tb', #entry)
  while bytes > bytesMax and redis.call('LLEN', list) > 1 do
    local dropped = redis.call('LPOP', list)
    bytes = redis.call('HINCRBY', record, 'tb', -#dropped)
  end
end

local function runCommands(record, isTaken)
  at = at + 1
  for _ = 1, tonumber(ARGV[at]) do
    local name, key, argc = ARGV[at + 1], KEYS[tonumber(ARGV[at + 2])], tonumber(ARGV[at + 3])
    if isTaken then
      if name == 'TAIL' then
        appendTail(record, key, ARGV[at + 4], tonumber(ARGV[at + 5]))
      else
        redis.call(name, key, unpack(ARGV, at + 4, at + 3 + argc))
      end
    end
    at = at + 3 + argc
  end
end

for i = 1, count do
  local record, expected, token = KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3]
  at = at + 3
  local isTaken = (redis.call('HGET', record, 'v') or '') == expected
  if isTaken then
    if token == '' then redis.call('DEL', record) elseif token ~= expected then redis.call('HSET', record, 'v', token) end
  end
  runCommands(record, isTaken)
  at = at + 1
  local fields = tonumber(ARGV[at])
  if isTaken then
    for f = 1, fields do events[#events + 1] = ARGV[at + f] end
  end
  at = at + fields
  outcomes[i] = isTaken and '1' or '0'
end

local time = redis.call('TIME')
local answer = { time[1] * 1000000 + time[2], '', '' }
if #events > 0 then
  answer[2] = redis.call('HGET', KEYS[2], 'lastEvent') or '0-0'
  answer[3] = answer[2]
  for from = 1, #events, spreadMax do
    local to = math.min(from + spreadMax - 1, #events)
    answer[3] = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'p', answer[3], unpack(events, from, to))
  end
  redis.call('HSET', KEYS[2], 'lastEvent', answer[3])
end
for i = 1, count do answer[3 + i] = outcomes[i] end
return answer
