import type { ShardListener, ShardSnapshot } from '../bus/listener.ts'
import { engineLabels, metrics } from '../catalogue/index.ts'
import type { Shard } from '../jobs/keys.ts'
import type { EngineRecord, ScopeEvent } from '../jobs/records.ts'
import { type EnginePrefix, engineReadings } from './engine-readings.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { FactSeries, type Reading, ReadingSeries } from './readings.ts'
import { labelPrefix, type SeriesFamily } from './series-family.ts'

type EngineFamilies = {
  readonly readings: readonly Reading<EngineRecord, EnginePrefix>[]
  readonly info: SeriesFamily<typeof metrics.engineInfo>
}

/** All series of one engine. */
class EngineEntry {
  readonly engineType: string
  readonly #families: EngineFamilies
  readonly #prefix: EnginePrefix
  readonly #readings: ReadingSeries<EngineRecord, EnginePrefix>
  readonly #info = new FactSeries()

  constructor(families: EngineFamilies, { instance, engineType }: EngineRecord) {
    this.engineType = engineType
    this.#families = families
    this.#prefix = labelPrefix(engineLabels, { engine: instance, engine_type: engineType })
    this.#readings = new ReadingSeries(families.readings, this.#prefix)
  }

  update(record: EngineRecord): void {
    const { engineVersion: version = '', node = '', ticketId: ticket = '', ecmInstance: ecm = '' } = record.facts
    this.#info.show(JSON.stringify([version, node, ticket, ecm]), () =>
      this.#families.info.seriesUnder(this.#prefix, { version, node, ticket, ecm }),
    )
    this.#readings.update(record)
  }

  remove(): void {
    this.#info.remove()
    this.#readings.remove()
  }
}

/** The series of engines, from their first report until they are gone. */
export class EngineSeries implements ShardListener {
  readonly #store: ExpositionStore
  readonly #families: EngineFamilies
  readonly #engineSeriesMax: number
  readonly #shards = new Map<Shard, Map<string, EngineEntry>>()
  #engineCount = 0

  /** @param engineSeriesMax engines with series of their own; those beyond are counted as overflow and still are in the fleet's. */
  constructor(store: ExpositionStore, engineSeriesMax: number) {
    this.#store = store
    this.#families = { info: store.family(metrics.engineInfo), readings: engineReadings(store) }
    this.#engineSeriesMax = engineSeriesMax
  }

  /** Engines that have series now. */
  get engineCount(): number {
    return this.#engineCount
  }

  load(shard: Shard, { engines }: ShardSnapshot): void {
    const entries = this.#shards.get(shard) ?? new Map<string, EngineEntry>()
    this.#shards.set(shard, entries)
    const present = new Set(engines.map((record) => record.instance))
    for (const instance of entries.keys()) if (!present.has(instance)) this.#remove(entries, instance)
    for (const record of engines) this.#show(entries, record)
  }

  apply(shard: Shard, events: readonly ScopeEvent[]): void {
    const entries = this.#shards.get(shard)
    if (entries === undefined) return
    for (const event of events) {
      if (event.kind === 'engine') this.#show(entries, event.record)
      else if (event.kind === 'engine-gone') this.#remove(entries, event.instance)
    }
  }

  drop(shard: Shard): void {
    const entries = this.#shards.get(shard)
    if (entries === undefined) return
    for (const instance of entries.keys()) this.#remove(entries, instance)
    this.#shards.delete(shard)
  }

  #show(entries: Map<string, EngineEntry>, record: EngineRecord): void {
    const known = entries.get(record.instance)
    if (record.isGone || (known !== undefined && known.engineType !== record.engineType)) this.#remove(entries, record.instance)
    if (record.isGone) return
    const entry = entries.get(record.instance) ?? this.#newEntry(entries, record)
    entry?.update(record)
  }

  #newEntry(entries: Map<string, EngineEntry>, record: EngineRecord): EngineEntry | undefined {
    if (this.#engineCount >= this.#engineSeriesMax) {
      this.#store.countOverflow('engine')
      return undefined
    }
    const entry = new EngineEntry(this.#families, record)
    entries.set(record.instance, entry)
    this.#engineCount += 1
    return entry
  }

  #remove(entries: Map<string, EngineEntry>, instance: string): void {
    const entry = entries.get(instance)
    if (entry === undefined) return
    entry.remove()
    entries.delete(instance)
    this.#engineCount -= 1
  }
}
