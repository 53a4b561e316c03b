/**
 * What is done to the outbox and the dead letters inside Redis. Each script touches the keys of one shard only.
 *
 * Scripts that have to run in a full store write with XACK or XDEL first, if need be of nothing: with `maxmemory` reached Redis refuses a script at its
 * first *growing* command, and lets it run to the end once it has written. So shippers drain it.
 * All of them may run twice.
 */
import type { Cluster, Redis } from 'ioredis'
import { ScopeError } from '../errors.ts'
import type { Keys, Shard } from '../jobs/keys.ts'

/** One connection to a single Redis, a Sentinel's master or a Cluster. */
export type Store = Redis | Cluster

/** Consumer group of every outbox. */
export const shipperGroup = 'shipper'

/** One script and how many keys it takes. */
export type Script = { readonly lua: string; readonly keyCount: number }

/**
 * Where a shard's outbox stands. Makes the group where it is missing (a new, emptied or restored store).
 * KEYS outbox, outbox-bytes. ARGV group.
 * Answers {now in ms, entries, bytes, first id or '', oldest pending id or '', its consumer, its idle ms}.
 */
export const surveyScript: Script = {
  keyCount: 2,
  lua: `
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1)
if pending.err then
  redis.call('XDEL', KEYS[1], '0-0')
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  pending = {}
end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local oldest = pending[1] or {'', '', 0}
local time = redis.call('TIME')
local nowMs = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return {nowMs, redis.call('XLEN', KEYS[1]), redis.call('GET', KEYS[2]) or '0', first[1] and first[1][1] or '', oldest[1], oldest[2], oldest[3]}
`,
}

/**
 * Reads entries for a consumer.
 * KEYS outbox. ARGV group, consumer, count, from: '>' = new ones, else an id: the consumer's own pending ones behind it.
 * Answers entries {id, {field, value, ...}}; deleted ones come as {id, false} and are forgotten.
 */
export const readScript: Script = {
  keyCount: 1,
  lua: `
local answer = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], ARGV[4])
local entries = answer and answer[1] and answer[1][2] or {}
for _, entry in ipairs(entries) do
  if not entry[2] then redis.call('XACK', KEYS[1], ARGV[1], entry[1]) end
end
return entries
`,
}

/**
 * Takes over what other consumers left lying, and forgets consumers that have been gone for an hour and hold nothing.
 * KEYS outbox. ARGV group, consumer, idle ms.
 * Answers how many entries were taken over (at most 1,000 a call).
 */
export const claimScript: Script = {
  keyCount: 1,
  lua: `
local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0-0', 'COUNT', 1000, 'JUSTID')
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  if facts.name ~= ARGV[2] and facts.pending == 0 and facts.idle > 3600000 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts.name)
  end
end
return #claimed[2]
`,
}

/**
 * Lets go of what a consumer holds, so that the next one need not wait for it to have been idle.
 * KEYS outbox. ARGV group, consumer, idle ms to say of the entries.
 * Answers how many entries were let go; a consumer that holds nothing is forgotten.
 */
export const releaseScript: Script = {
  keyCount: 1,
  lua: `
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 10000, ARGV[2])
if pending.err then return 0 end
for _, entry in ipairs(pending) do
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'IDLE', ARGV[3], 'JUSTID')
end
if #pending == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end
return #pending
`,
}

/** Bytes that a stream no longer holds are taken from their count, which is 0 for an empty stream, whatever was counted before. */
const giveBack = `
local function give_back(count, bytes, stream)
  local left = tonumber(redis.call('GET', count) or '0') - bytes
  if left < 0 or redis.call('XLEN', stream) == 0 then left = 0 end
  redis.call('SET', count, string.format('%.0f', left))
end
`

/**
 * Ends entries: acknowledged, deleted, their bytes given back, their refused lines laid down, all or nothing.
 * An entry that is gone already (another shipper ended it) changes nothing.
 * KEYS outbox, outbox-bytes, dead-letters, dead-letter-bytes, the consumer's last call.
 * ARGV group, token of the call, then for each entry: id, bytes, number of refused lines, then e, reason, firstSeenMs, lastSeenMs of each.
 * Answers the 1-based positions of the entries that were ended by this call, also when it comes again because that answer was lost.
 */
export const settleScript: Script = {
  keyCount: 5,
  lua: `${giveBack}
local ended, freed, laid, at, position = {}, 0, 0, 3, 0
local last = redis.call('GET', KEYS[5]) or ''
if string.sub(last, 1, #ARGV[2] + 1) == ARGV[2] .. ' ' then
  for known in string.gmatch(string.sub(last, #ARGV[2] + 2), '%d+') do ended[#ended + 1] = tonumber(known) end
  return ended
end
while ARGV[at] do
  local id, bytes, refused = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  position = position + 1
  redis.call('XACK', KEYS[1], ARGV[1], id)
  local isEnded = redis.call('XDEL', KEYS[1], id) == 1
  if isEnded then
    ended[#ended + 1] = position
    freed = freed + bytes
  end
  for _ = 1, refused do
    if isEnded then
      redis.call('XADD', KEYS[3], '*', 'e', ARGV[at], 'reason', ARGV[at + 1], 'firstSeenMs', ARGV[at + 2], 'lastSeenMs', ARGV[at + 3])
      laid = laid + #ARGV[at]
    end
    at = at + 4
  end
end
if freed > 0 then give_back(KEYS[2], freed, KEYS[1]) end
if laid > 0 then redis.call('INCRBY', KEYS[4], laid) end
redis.call('SET', KEYS[5], ARGV[2] .. ' ' .. table.concat(ended, ' '), 'PX', 600000)
return ended
`,
}

/**
 * Puts dead letters back into the outbox.
 * KEYS outbox, outbox-bytes, dead-letters, dead-letter-bytes. ARGV ids. Answers how many were there to be put back.
 */
export const replayScript: Script = {
  keyCount: 4,
  lua: `${giveBack}
local count, bytes = 0, 0
for _, id in ipairs(ARGV) do
  local letter = redis.call('XRANGE', KEYS[3], id, id)[1]
  if letter then
    local facts = {}
    for i = 1, #letter[2], 2 do facts[letter[2][i]] = letter[2][i + 1] end
    redis.call('XADD', KEYS[1], '*', 'e', facts.e, 'firstSeenMs', facts.firstSeenMs)
    redis.call('XDEL', KEYS[3], id)
    count = count + 1
    bytes = bytes + #facts.e
  end
end
if count > 0 then
  redis.call('INCRBY', KEYS[2], bytes)
  give_back(KEYS[4], bytes, KEYS[3])
end
return count
`,
}

/** Deletes dead letters. KEYS dead-letters, dead-letter-bytes. ARGV ids. Answers how many there were. */
export const dropScript: Script = {
  keyCount: 2,
  lua: `${giveBack}
local count, bytes = 0, 0
for _, id in ipairs(ARGV) do
  local letter = redis.call('XRANGE', KEYS[1], id, id)[1]
  if letter then
    redis.call('XDEL', KEYS[1], id)
    count = count + 1
    bytes = bytes + #letter[2][2]
  end
end
if count > 0 then give_back(KEYS[2], bytes, KEYS[1]) end
return count
`,
}

/** The four keys that {@link replayScript} takes, and {@link settleScript} with one more. */
export function settleKeys(keys: Keys, shard: Shard): string[] {
  return [keys.outbox(shard), keys.outboxBytes(shard), keys.deadLetters(shard), keys.deadLetterBytes(shard)]
}

/** Runs a script. @throws ScopeError REDIS_UNAVAILABLE whatever the store objects to: it is tried again. */
export function run(store: Store, script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
  return orUnavailable(store.eval(script.lua, script.keyCount, ...keys, ...args))
}

/** Names the failure of a command. @throws ScopeError REDIS_UNAVAILABLE */
export async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw new ScopeError('REDIS_UNAVAILABLE', cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
