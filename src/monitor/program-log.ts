/** The log of statuses of a namespace's runs: what `GET /v3/namespaces/{namespace}/programs/status` reads. */
import type { Keys } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import { messageIdText, readMessageId } from './message-id.ts'
import type { StatusEntry } from './message-reader.ts'

const entriesMax = 100_000
const trimmedAtOnce = 100
/** Rows read at a time where those that were read first are past their time. */
const rowsAtOnce = 1_000

const append = `
-- Purpose: appends statuses that are not in the log yet. KEYS: log, its state, the logs of runtimes it was fed from by the time
--   they last were. ARGV: retention in ms, entries kept, how many old ones may go at once, then for each: log of a runtime, position in
--   it, entry as JSON. Answers how many were appended.
-- How far a log was read is remembered for as long as its entries are kept, also after the runtime's end: an owner that stood still
-- must not append them again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local old = now - ARGV[1]
for _, source in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', old, 'LIMIT', 0, ARGV[3])) do
  redis.call('HDEL', KEYS[2], 'r:' .. source)
  redis.call('ZREM', KEYS[3], source)
end
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  epoch = string.format('%.0f', now)
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
local appended = 0
for i = 4, #ARGV, 3 do
  local field = 'r:' .. ARGV[i]
  if ARGV[i + 1] > (redis.call('HGET', KEYS[2], field) or '') then
    redis.call('HSET', KEYS[2], field, ARGV[i + 1])
    local number = redis.call('HINCRBY', KEYS[2], 'number', 1)
    redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], epoch .. '-' .. number, 'at', string.format('%.0f', now), 'e', ARGV[i + 2])
    appended = appended + 1
  end
  redis.call('ZADD', KEYS[3], string.format('%.0f', now), ARGV[i])
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[3])) do
  if tonumber(entry[2][2]) >= old then break end
  redis.call('XDEL', KEYS[1], entry[1])
end
-- Begun anew, the log has a higher epoch: offsets go on rising.
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
return appended
`

/** A status for the log, and where the runtime's own log has it. */
export type PlacedEntry = { readonly topic: string; readonly position: string; readonly entry: StatusEntry }

export type LoggedStatus = StatusEntry & { readonly offset: string }

export type StatusPage = {
  readonly messages: readonly LoggedStatus[]
  /** Offset of the last message. */
  readonly nextOffset: string | null
  readonly more: boolean
}

export class ProgramLog {
  readonly #store: Store
  readonly #keys: Keys
  readonly #retentionMs: number

  constructor(store: Store, keys: Keys, retentionMs: number) {
    this.#store = store
    this.#keys = keys
    this.#retentionMs = retentionMs
  }

  /** Appends statuses of one runtime, in their order; those that are in the log already are left out. */
  async append(namespace: string, runtimeId: string, entries: readonly PlacedEntry[]): Promise<void> {
    if (entries.length === 0) return
    await this.#store.eval(
      append,
      3,
      this.#keys.programLog(namespace),
      this.#keys.programLogState(namespace),
      this.#keys.programLogSources(namespace),
      this.#retentionMs,
      entriesMax,
      trimmedAtOnce,
      ...entries.flatMap(({ topic, position, entry }) => [sourceOf(runtimeId, topic), position, JSON.stringify(entry)]),
    )
  }

  /** @param after exclusive; `undefined` = from the first. An offset older than the log goes on at its first. */
  async read(namespace: string, after: string | undefined, limit: number, nowMs: number): Promise<StatusPage> {
    const id = after === undefined ? undefined : readMessageId(after)
    const kept: Row[] = []
    let from = id === undefined ? '-' : `(${Number(id.epoch)}-${id.number}`
    for (let count = limit + 1; kept.length <= limit; count = rowsAtOnce) {
      const rows = await this.#store.xrange(this.#keys.programLog(namespace), from, '+', 'COUNT', count)
      kept.push(...rows.filter(([, fields]) => Number(fields[1]) >= nowMs - this.#retentionMs))
      if (rows.length < count) break
      from = `(${rows.at(-1)?.[0]}`
    }
    const messages = kept.slice(0, limit).map(loggedStatus)
    return { messages, nextOffset: messages.at(-1)?.offset ?? null, more: kept.length > limit }
  }
}

type Row = readonly [id: string, fields: readonly string[]]

function loggedStatus([id, fields]: Row): LoggedStatus {
  return { offset: offsetOf(id), ...(JSON.parse(fields[3] ?? '{}') as StatusEntry) }
}

/** Each partition is a log of its own. `|` is in no id of a runtime. */
function sourceOf(runtimeId: string, topic: string): string {
  return topic.includes(':') ? `${runtimeId}|${topic}` : runtimeId
}

function offsetOf(streamId: string): string {
  const [epoch = '', number = ''] = streamId.split('-')
  return messageIdText({ epoch, number: Number(number) })
}
