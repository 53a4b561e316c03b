/** What a watch knows of its runtime: as it was read from the store, and how far it has come since. */
import { type Batch, makeBatch } from './batch.ts'
import { freshTopic, type TopicNews, type TopicState } from './distrust.ts'
import type { Asked } from './fetcher.ts'
import { HeldEnd } from './held-end.ts'
import { numberOf } from './message-id.ts'
import { MessageReader, type RunContext } from './message-reader.ts'
import type { RuntimeName, RuntimeRecord, RuntimeState } from './runtime-record.ts'
import type { Title } from './runtime-store.ts'
import { kindOf, limitOf } from './topics.ts'
import type { WatchDeps } from './watch-deps.ts'

export class FollowedRun {
  readonly name: RuntimeName
  readonly #deps: Pick<WatchDeps, 'settings' | 'parse' | 'nowMs' | 'isRuntime'>
  readonly #reader: MessageReader
  #record: RuntimeRecord | undefined
  #revision: string | undefined
  #run: RunContext | undefined
  #topics = new Map<string, TopicState>()
  #hungry: readonly string[] = []
  #held: HeldEnd

  constructor(name: RuntimeName, deps: Pick<WatchDeps, 'settings' | 'parse' | 'nowMs' | 'isRuntime'>) {
    this.name = name
    this.#deps = deps
    this.#reader = new MessageReader(deps.parse, deps.nowMs)
    this.#held = this.#nothingHeld()
  }

  /** `undefined` before it was read, and after something else was found to be in the store. */
  get record(): RuntimeRecord | undefined {
    return this.#record
  }

  /** What it is written under. */
  readonly title = ({ fence }: Pick<Title, 'fence'>): Title => ({ fence, born: this.#record?.born ?? '' })

  get run(): RunContext {
    return this.#run as RunContext
  }

  get topics(): ReadonlyMap<string, TopicState> {
    return this.#topics
  }

  get held(): HeldEnd {
    return this.#held
  }

  /** Whether what is known is what is stored under this revision. */
  isAt(revision: string): boolean {
    return this.#record !== undefined && this.#revision === revision
  }

  /** Takes over what is stored. Topics that were followed before stay as far as they are. */
  load(record: RuntimeRecord, revision: string): void {
    if (this.#record?.born !== record.born) this.#begin(record)
    this.#record = record
    this.#revision = revision
    this.#topics = new Map(
      record.spec.topics.map((topic) => [topic, this.#topics.get(topic) ?? record.topics.get(topic) ?? freshTopic(topic)]),
    )
  }

  /** The store has something else: it is read anew before anything is asked for. */
  forget(): void {
    this.#record = undefined
  }

  /** Notes what this watch has changed in the store, or is about to. */
  note(change: Partial<Pick<RuntimeRecord, 'state' | 'stop'>>): void {
    if (this.#record !== undefined) this.#record = { ...this.#record, ...change }
  }

  enterEpoch(epoch: string, isNew: boolean): void {
    if (isNew) this.#held = this.#nothingHeld()
    this.#run = { ...this.run, epoch }
  }

  /** Topics for which the last answer had no room: they are the first to be asked for. */
  noteHungry(topics: readonly string[]): void {
    this.#hungry = topics
  }

  get isAnyHungry(): boolean {
    return this.#hungry.some((topic) => this.#topics.has(topic))
  }

  /** What to ask for next, in this order. */
  asked(): Map<string, Asked> {
    const asked = new Map<string, Asked>()
    for (const { topic, read } of this.#inTurn()) asked.set(topic, { messageId: read, limit: limitOf(topic) })
    return asked
  }

  #inTurn(): TopicState[] {
    const turn = (topic: string) => (this.#hungry.includes(topic) ? this.#hungry.indexOf(topic) : this.#hungry.length)
    return [...this.#topics.values()].sort((a, b) => turn(a.topic) - turn(b.topic))
  }

  batchOf(news: readonly TopicNews[], absent: readonly string[], isNewEpoch: boolean): Batch {
    const { run } = this
    const isOwnedElsewhere = (jobId: string) => this.#deps.isRuntime(jobId, run.namespace)
    const source = { epoch: run.epoch, news, absent, topics: this.#topics, isNewEpoch, isOwnedElsewhere }
    return makeBatch(source, this.#reader, run)
  }

  /** Whether a batch moves any offset, or has seen a log grow. */
  isMovedBy({ moves }: Pick<Batch, 'moves'>): boolean {
    return moves.some(({ topic, to, latest }) => {
      const known = this.#topics.get(topic)
      return known === undefined || known.committed !== to || known.latest !== latest
    })
  }

  /** Only once a batch is committed the offsets in memory move. */
  moveBy({ moves }: Pick<Batch, 'moves'>, state: RuntimeState): void {
    this.note({ state })
    for (const { topic, to, latest, generation } of moves) {
      this.#topics.set(topic, { topic, committed: to, read: this.#held.readUpTo(topic) ?? to, latest, generation })
    }
  }

  /** Whether some topic says that it has more than was read of it: an answer may be short because messages are large. */
  get hasMore(): boolean {
    return [...this.#topics.values()].some(({ latest, read }) => numberOf(latest) > numberOf(read))
  }

  /** Messages published and not yet committed, by topic label. */
  behind(): Map<string, number> {
    const behind = new Map<string, number>()
    for (const { topic, latest, committed } of this.#topics.values()) {
      const isOfOldEpoch = latest !== null && committed !== null && latest.slice(0, 13) > committed.slice(0, 13)
      const count = Math.max(0, numberOf(latest) - (isOfOldEpoch ? 0 : numberOf(committed)))
      behind.set(kindOf(topic), (behind.get(kindOf(topic)) ?? 0) + count)
    }
    return behind
  }

  #begin(record: RuntimeRecord): void {
    const { namespace, id: runtimeId } = this.name
    this.#held = this.#nothingHeld()
    this.#topics = new Map()
    this.#run = {
      runtimeId,
      namespace,
      engineType: record.spec.engineType,
      epoch: record.epoch ?? '',
      statuses: new Map(record.statuses),
      program: record.program,
    }
  }

  #nothingHeld(): HeldEnd {
    return new HeldEnd(this.name.id, this.#deps.settings.graceMs)
  }
}
