import type { Keys } from './keys.ts'
import type { RunSample, TaskLabels } from './records.ts'
import { profileOf, type RunProfile } from './run-profile.ts'
import { runField, runSlots } from './run-slots.ts'
import type { Store } from './store/commit.ts'

type Kind = Pick<TaskLabels, 'taskType' | 'engineType'>

/** Says what is known of earlier runs of a kind, without waiting. */
export type KnownRuns = (kind: Kind) => RunProfile | undefined

type Entry = { profile: RunProfile | undefined; readAtMs: number; reading: Promise<void> | undefined }

const kindsMax = 512
const refreshMsDefault = 5_000

/** What earlier runs were like, by kind: read out of all shards when asked for, remembered for a few seconds. */
export class RunHistory {
  readonly #store: Pick<Store, 'hmget'>
  readonly #keys: Keys
  readonly #onFailure: (error: unknown) => void
  readonly #refreshMs: number
  readonly #entries = new Map<string, Entry>()

  /** @param onFailure the store could not be read: what was known before stands */
  constructor(
    store: Pick<Store, 'hmget'>,
    keys: Keys,
    onFailure: (error: unknown) => void = () => undefined,
    refreshMs: number = refreshMsDefault,
  ) {
    this.#store = store
    this.#keys = keys
    this.#onFailure = onFailure
    this.#refreshMs = refreshMs
  }

  /** What is known now. Asking brings it up to date for the next time. Costs a look into a map. */
  readonly known: KnownRuns = (kind) => this.#fresh(kind).profile

  /** What is known at most a few seconds ago. Never rejects. */
  async read(kind: Kind): Promise<RunProfile | undefined> {
    const entry = this.#fresh(kind)
    await entry.reading
    return entry.profile
  }

  /** Makes {@link known} answer for each of these with what is known at most a few seconds ago. Never rejects. */
  async readAll(subjects: readonly { readonly labels: Kind }[]): Promise<void> {
    const kinds = new Map(subjects.map(({ labels }) => [`${labels.taskType}\n${labels.engineType}`, labels]))
    await Promise.all([...kinds.values()].slice(0, kindsMax).map((kind) => this.read(kind)))
  }

  #fresh(kind: Kind): Entry {
    const key = `${kind.taskType}\n${kind.engineType}`
    const entry = this.#entries.get(key) ?? this.#newEntry(key)
    if (entry.reading === undefined && performance.now() - entry.readAtMs >= this.#refreshMs) {
      entry.reading = this.#load(kind, entry).finally(() => {
        entry.reading = undefined
        entry.readAtMs = performance.now()
      })
    }
    return entry
  }

  #newEntry(key: string): Entry {
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < kindsMax) break
      this.#entries.delete(oldest)
    }
    const entry: Entry = { profile: undefined, readAtMs: Number.NEGATIVE_INFINITY, reading: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  async #load(kind: Kind, entry: Entry): Promise<void> {
    const fields = Array.from({ length: runSlots }, (_, slot) => runField(kind, slot))
    try {
      const shards = await Promise.all(
        Array.from({ length: this.#keys.shardCount }, (_, shard) => this.#store.hmget(this.#keys.runs(shard), ...fields)),
      )
      const texts = shards.flat().filter((text) => text !== null)
      entry.profile = profileOf(texts.map((text) => JSON.parse(text) as RunSample))
    } catch (error) {
      this.#onFailure(error)
    }
  }
}
