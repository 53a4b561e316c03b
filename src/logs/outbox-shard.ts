/** One shard's outbox as one consumer of the group sees it. */
import type { Keys, Shard } from '../jobs/keys.ts'
import {
  claimScript,
  readScript,
  releaseScript,
  run,
  type Store,
  settleKeys,
  settleScript,
  shipperGroup,
  surveyScript,
} from './outbox-scripts.ts'

/** An entry as it lies in the stream. */
export type OutboxEntry = {
  readonly from: OutboxShard
  readonly id: string
  /** When it was written, by the store's clock. */
  readonly atMs: number
  /** Orders entries of one millisecond. */
  readonly number: number
  /** JSON of a LogEntry. */
  readonly text: string
  readonly bytes: number
  /** Set on a dead letter that was replayed. */
  readonly firstSeenMs?: number
}

/** A line that Loki refuses for good: a LogEntry with one line, as JSON. */
export type RefusedLine = {
  readonly text: string
  readonly reason: string
  readonly firstSeenMs: number
  readonly lastSeenMs: number
}

/** Where an outbox stands. Times by the store's clock. */
export type Survey = {
  readonly nowMs: number
  readonly entries: number
  readonly bytes: number
  /** `''` when it is empty. */
  readonly firstId: string
  /** The oldest entry that some consumer holds. */
  readonly oldestHeld?: { readonly id: string; readonly consumer: string; readonly idleMs: number }
}

/** How one consumer reads. */
export type ReadLimits = {
  /** What another consumer has held for so long is taken over. */
  readonly claimIdleMs: number
  /** Aimed at for one read of one shard; entries are counted by their mean size. */
  readonly readBytes: number
}

const entriesPerReadMax = 256
/** Entries that one call may end. */
export const entriesPerSettleMax = 500

/**
 * Reads a shard in the order of its stream. What this consumer held before comes first; while the oldest entry
 * that is held belongs to another consumer, nothing is handed out: newer lines wait for older ones.
 */
export class OutboxShard {
  readonly shard: Shard
  /** False once stopped: what was read is not this consumer's to ship any more. */
  isActive = true
  survey: Survey | undefined
  readonly #store: Store
  readonly #keys: Keys
  readonly #consumer: string
  readonly #limits: ReadLimits
  #buffer: OutboxEntry[] = []
  #next = 0
  /** Behind which id the consumer's own held entries are still to be read; undefined when they all were. */
  #historyAfter: string | undefined = '0-0'
  #mayHaveMore = true
  /** Ids that were read and are not settled. What is held under this consumer's name besides them was read by nobody. */
  readonly #inHand = new Set<string>()

  constructor(store: Store, keys: Keys, shard: Shard, consumer: string, limits: ReadLimits) {
    this.#store = store
    this.#keys = keys
    this.shard = shard
    this.#consumer = consumer
    this.#limits = limits
  }

  /** Whether another consumer holds the oldest entry. */
  get isHeld(): boolean {
    const held = this.survey?.oldestHeld
    return held !== undefined && held.consumer !== this.#consumer
  }

  get #hasLeft(): boolean {
    return this.#next < this.#buffer.length
  }

  /** There may be new entries: read at the next turn. */
  wake(): void {
    this.#mayHaveMore = true
  }

  /** The oldest entry read and not taken. */
  head(): OutboxEntry | undefined {
    return this.isHeld ? undefined : this.#buffer[this.#next]
  }

  /** Takes the head. */
  take(): void {
    this.#next++
  }

  /** Asks the store where the outbox stands. @throws ScopeError REDIS_UNAVAILABLE */
  async look(): Promise<Survey> {
    const keys = [this.#keys.outbox(this.shard), this.#keys.outboxBytes(this.shard)]
    this.survey = surveyOf(await run(this.#store, surveyScript, keys, [shipperGroup]))
    if (this.survey.entries > 0) this.wake()
    const held = this.survey.oldestHeld
    // A client that repeats a read whose answer was lost does not say so: what the lost one took is found here.
    if (held?.consumer === this.#consumer && !this.#inHand.has(held.id)) this.#startOver()
    return this.survey
  }

  /** Reads on when nothing is left of the last read. @throws ScopeError REDIS_UNAVAILABLE */
  async fill(): Promise<void> {
    if (this.survey === undefined) await this.look()
    if (this.isHeld) await this.#takeOver()
    if (this.isHeld || this.#hasLeft || !this.#mayHaveMore) return
    while (this.#historyAfter !== undefined && !this.#hasLeft) await this.#readOwn(this.#historyAfter)
    if (!this.#hasLeft) await this.#readNew()
  }

  /**
   * Ends entries, with the lines of them that were refused. Entries that another consumer ended are passed over.
   * @param done at most {@link entriesPerSettleMax}
   * @param token names the call: where its answer was lost, the same call under the same token is answered as it was
   * @returns those that the call has ended @throws ScopeError REDIS_UNAVAILABLE: may be done again
   */
  async settle(done: readonly { entry: OutboxEntry; refused: readonly RefusedLine[] }[], token: string): Promise<OutboxEntry[]> {
    const keys = [...settleKeys(this.#keys, this.shard), this.#keys.outboxSettled(this.shard, this.#consumer)]
    const args = done.flatMap(({ entry, refused }) => [
      entry.id,
      entry.bytes,
      refused.length,
      ...refused.flatMap((line) => [line.text, line.reason, line.firstSeenMs, line.lastSeenMs]),
    ])
    const answer = await run(this.#store, settleScript, keys, [shipperGroup, token, ...args])
    for (const { entry } of done) this.#inHand.delete(entry.id)
    return (answer as number[]).flatMap((position) => done.slice(position - 1, position).map(({ entry }) => entry))
  }

  /** Stops, and lets the next consumer have at once what this one holds. @throws ScopeError REDIS_UNAVAILABLE */
  async release(): Promise<void> {
    this.isActive = false
    this.#buffer = []
    this.#inHand.clear()
    const args = [shipperGroup, this.#consumer, this.#limits.claimIdleMs]
    await run(this.#store, releaseScript, [this.#keys.outbox(this.shard)], args)
  }

  async #takeOver(): Promise<void> {
    if ((this.survey?.oldestHeld?.idleMs ?? 0) < this.#limits.claimIdleMs) return
    const args = [shipperGroup, this.#consumer, this.#limits.claimIdleMs]
    await run(this.#store, claimScript, [this.#keys.outbox(this.shard)], args)
    this.#startOver()
    await this.look()
  }

  /** Reads what this consumer holds from its oldest entry on; what was read and not taken comes again, in its place. */
  #startOver(): void {
    for (const entry of this.#buffer.slice(this.#next)) this.#inHand.delete(entry.id)
    this.#buffer = []
    this.#next = 0
    this.#historyAfter = '0-0'
    this.wake()
  }

  async #readOwn(after: string): Promise<void> {
    const count = await this.#read(after)
    if (count === 0) this.#historyAfter = undefined
  }

  async #readNew(): Promise<void> {
    const asked = this.#entriesPerRead()
    this.#mayHaveMore = false
    try {
      const count = await this.#read('>')
      if (count >= asked) this.#mayHaveMore = true
    } catch (error) {
      // The store may have handed out entries all the same: they are older than what the next read of new ones brings.
      this.#startOver()
      throw error
    }
  }

  async #read(from: string): Promise<number> {
    const args = [shipperGroup, this.#consumer, this.#entriesPerRead(), from]
    const answer = (await run(this.#store, readScript, [this.#keys.outbox(this.shard)], args)) as RawEntry[]
    const last = answer.at(-1)
    if (from !== '>' && last !== undefined) this.#historyAfter = last[0]
    this.#buffer = answer.flatMap(([id, fields]) => (fields === null || this.#inHand.has(id) ? [] : [entryOf(this, id, fields)]))
    this.#next = 0
    for (const entry of this.#buffer) this.#inHand.add(entry.id)
    return answer.length
  }

  /** So many that memory stays bounded whatever the size of the entries. */
  #entriesPerRead(): number {
    const { entries = 0, bytes = 0 } = this.survey ?? {}
    if (entries === 0 || bytes === 0) return 16
    return Math.max(1, Math.min(entriesPerReadMax, Math.floor((this.#limits.readBytes * entries) / bytes)))
  }
}

type RawEntry = [id: string, fields: string[] | null]

function entryOf(from: OutboxShard, id: string, fields: readonly string[]): OutboxEntry {
  const text = fieldOf(fields, 'e') ?? ''
  const firstSeenMs = Number(fieldOf(fields, 'firstSeenMs') ?? Number.NaN)
  const seen = Number.isFinite(firstSeenMs) ? { firstSeenMs } : {}
  return { from, id, atMs: msOfId(id), number: Number(id.split('-')[1]), text, bytes: Buffer.byteLength(text), ...seen }
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]
  return undefined
}

/** The store's time in a stream id. */
export function msOfId(id: string): number {
  return Number(id.split('-')[0])
}

function surveyOf(answer: unknown): Survey {
  const [nowMs, entries, bytes, firstId, heldId, consumer, idleMs] = answer as [
    string,
    number,
    string,
    string,
    string,
    string,
    number,
  ]
  const survey = { nowMs: Number(nowMs), entries, bytes: Number(bytes), firstId }
  return heldId === '' ? survey : { ...survey, oldestHeld: { id: heldId, consumer, idleMs } }
}
