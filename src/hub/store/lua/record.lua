-- Stands between the prelude and the scripts that go through processes of many: a record that cannot be read (written by hand, cut
-- short, evicted) is found before anything of it is written, and set aside, so that it holds up nobody else.
local KINDS = { p = 'hash', n = 'hash', o = 'hash', d = 'hash', c = 'list', l = 'list' }

local function isWhole(text) return text ~= false and string.match(text, '^%d+$') ~= nil and #text < 16 end

local function kindFaultOf(key)
  for part, kind in pairs(KINDS) do
    local found = redis.call('TYPE', keyOf(part, key)).ok
    if found ~= kind and found ~= 'none' then return keyOf(part, key) .. ' is a ' .. found end
  end
  return nil
end

-- The algorithms of a process, or nil and what is wrong with its record.
local function algorithmsOf(key)
  local known = redis.pcall('HMGET', keyOf('p', key), 'status', 'createdAt', 'attempt', 'denies', 'checksDropped', 'algorithms')
  if known.err then return nil, kindFaultOf(key) or known.err end
  if not known[1] then return nil, 'it is gone, or has no status' end
  known[5] = known[5] or '0'
  for at, name in ipairs({ 'createdAt', 'attempt', 'denies', 'checksDropped' }) do
    if not isWhole(known[at + 1]) then return nil, name .. ' is no number' end
  end
  local algorithms = decoded(known[6])
  if algorithms == nil then return nil, 'algorithms is no list' end
  for _, algorithm in ipairs(algorithms) do
    if type(algorithm) ~= 'string' then return nil, 'algorithms is no list of names' end
  end
  return algorithms
end

-- Ends a process whose record cannot be read, and makes it one that can.
local function setAside(key, fault)
  for part, kind in pairs(KINDS) do
    local found = redis.call('TYPE', keyOf(part, key)).ok
    if found ~= kind then redis.call('DEL', keyOf(part, key)) end
  end
  local process = keyOf('p', key)
  for name, byDefault in pairs({ createdAt = nowMs, attempt = 0, denies = 0, done = 0, checksDropped = 0 }) do
    if not isWhole(redis.call('HGET', process, name)) then redis.call('HSET', process, name, byDefault) end
  end
  for name, byDefault in pairs({ algorithms = '[]', nodeIds = '[]', data = '{}' }) do
    if decoded(redis.call('HGET', process, name)) == nil then redis.call('HSET', process, name, byDefault) end
  end
  closeNodes(key, 'FAILED', 'SKIPPED')
  finishUnheld(key, 'FAILED', errorJson('RECORD_UNREADABLE', 'what is stored of the process cannot be read: ' .. fault))
end
