#!lua
-- Purpose: applies changes of several records of one or more shards, each whole or not at all.
--   A record (a job, an engine) is a hash whose field `v` holds a token. A change names the token it was made from;
--   where another replica has written in the meantime the token differs and the change is left out (a conflict).
--   Running the same call twice does nothing the second time, since the first has changed the token.
--   The `#!lua` line makes Redis refuse the call before its first write when memory is full: there is no half effect.
-- KEYS: all keys that are written; in a cluster, of one hash slot.
-- ARGV[1]: pieces, each ended by the byte 1, which none of them holds: eventsMax, number of shards, then for each shard:
--   index of the key of its event stream, index of the key of its counters, number of changes, then for each change:
--   index of the record's key, token expected ('' = must not exist), token to set ('' = delete the record,
--   the one expected = nothing is written, it is only looked whether the record is still as it was),
--   number of the record's fields to set (names and values together), those;
--   number of commands, then each command as: name, index of its key, number of arguments, arguments;
--   lines for the event stream, as one piece, '' = none.
--   The command TAIL stands for: append ARGV[+1] to a list whose bytes are counted in field `tb` of the record,
--   and drop from its other end until they are at most ARGV[+2].
--   A command has at most 1000 arguments.
-- Answers: {microseconds of Redis TIME, then for each shard: id of the event entry before, id of the newest one ('' = none),
--   '1' or '0' per change}
local data, at = ARGV[1], 1
local find, sub = string.find, string.sub

local function piece()
  local stop = find(data, '\1', at, true)
  local text = sub(data, at, stop - 1)
  at = stop + 1
  return text
end

local function pieces(count)
  local list = {}
  for i = 1, count do list[i] = piece() end
  return list
end

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
  for _ = 1, tonumber(piece()) do
    local name, key = piece(), KEYS[tonumber(piece())]
    local args = pieces(tonumber(piece()))
    if isTaken then
      if name == 'TAIL' then
        appendTail(record, key, args[1], tonumber(args[2]))
      else
        redis.call(name, key, unpack(args))
      end
    end
  end
end

local function applyChange(events)
  local record, expected, token = KEYS[tonumber(piece())], piece(), piece()
  local fields = pieces(tonumber(piece()))
  local isTaken = (redis.call('HGET', record, 'v') or '') == expected
  if isTaken then
    if token == '' then redis.call('DEL', record)
    elseif token ~= expected then redis.call('HSET', record, 'v', token, unpack(fields)) end
  end
  runCommands(record, isTaken)
  local lines = piece()
  if isTaken and lines ~= '' then events[#events + 1] = lines end
  return isTaken and '1' or '0'
end

local function announce(stream, counters, eventsMax, events)
  if #events == 0 then return '', '' end
  local before = redis.call('HGET', counters, 'lastEvent') or '0-0'
  local id = redis.call('XADD', stream, 'MAXLEN', '~', eventsMax, '*', 'p', before, 'e', table.concat(events, '\n'))
  redis.call('HSET', counters, 'lastEvent', id)
  return before, id
end

local eventsMax, shards = piece(), tonumber(piece())
local time = redis.call('TIME')
local answer = { time[1] * 1000000 + time[2] }
for _ = 1, shards do
  local stream, counters, count = KEYS[tonumber(piece())], KEYS[tonumber(piece())], tonumber(piece())
  local place, events = #answer, {}
  answer[place + 1], answer[place + 2] = '', ''
  for i = 1, count do answer[place + 2 + i] = applyChange(events) end
  answer[place + 1], answer[place + 2] = announce(stream, counters, eventsMax, events)
end
return answer
