/** The log of statuses of a namespace's runs: what `GET /v3/namespaces/{namespace}/programs/status` reads. */
import type { Keys } from '../jobs/keys.ts'
import type { Store } from '../jobs/store/commit.ts'
import { messageIdText, readMessageId } from './message-id.ts'
import type { StatusEntry } from './message-reader.ts'

const entriesMax = 100_000
const trimmedAtOnce = 100

const append = `
-- Purpose: appends statuses that are not in the log yet. KEYS: log, its state. ARGV: runtime, retention in ms, entries kept,
--   how many old ones may go at once, then for each: position in the runtime's log, entry as JSON.
-- Answers how many were appended.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen = redis.call('HGET', KEYS[2], 'r:' .. ARGV[1]) or ''
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  epoch = string.format('%.0f', now)
  redis.call('HSET', KEYS[2], 'epoch', epoch)
end
local appended = 0
for i = 5, #ARGV, 2 do
  if ARGV[i] > seen then
    seen = ARGV[i]
    local number = redis.call('HINCRBY', KEYS[2], 'number', 1)
    redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], epoch .. '-' .. number, 'at', string.format('%.0f', now), 'e', ARGV[i + 1])
    appended = appended + 1
  end
end
redis.call('HSET', KEYS[2], 'r:' .. ARGV[1], seen)
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[4])) do
  if tonumber(entry[2][2]) >= now - ARGV[2] then break end
  redis.call('XDEL', KEYS[1], entry[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return appended
`

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
  async append(
    namespace: string,
    runtimeId: string,
    entries: readonly { readonly position: string; readonly entry: StatusEntry }[],
  ): Promise<void> {
    if (entries.length === 0) return
    await this.#store.eval(
      append,
      2,
      this.#keys.programLog(namespace),
      this.#keys.programLogState(namespace),
      runtimeId,
      this.#retentionMs,
      entriesMax,
      trimmedAtOnce,
      ...entries.flatMap(({ position, entry }) => [position, JSON.stringify(entry)]),
    )
  }

  /** A runtime that has ended writes no more. */
  async forgetRuntime(namespace: string, runtimeId: string): Promise<void> {
    await this.#store.hdel(this.#keys.programLogState(namespace), `r:${runtimeId}`)
  }

  /** @param after exclusive; `undefined` = from the first. An offset older than the log goes on at its first. */
  async read(namespace: string, after: string | undefined, limit: number, nowMs: number): Promise<StatusPage> {
    const id = after === undefined ? undefined : readMessageId(after)
    const from = id === undefined ? '-' : `(${Number(id.epoch)}-${id.number}`
    const rows = await this.#store.xrange(this.#keys.programLog(namespace), from, '+', 'COUNT', limit + 1)
    const found = rows.map(([rowId, fields]) => ({ offset: offsetOf(rowId), atMs: Number(fields[1]), entry: fields[3] ?? '{}' }))
    const page = found.slice(0, limit)
    const messages = page
      .filter(({ atMs }) => atMs >= nowMs - this.#retentionMs)
      .map(({ offset, entry }) => ({ offset, ...(JSON.parse(entry) as StatusEntry) }))
    return { messages, nextOffset: page.at(-1)?.offset ?? null, more: found.length > limit }
  }
}

function offsetOf(streamId: string): string {
  const [epoch = '', number = ''] = streamId.split('-')
  return messageIdText({ epoch, number: Number(number) })
}
