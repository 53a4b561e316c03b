import {
  infoMetric,
  type LearningType,
  learningNames,
  numberMetric,
  stateKey,
  statesMetric,
  type TaskType,
  type TaskTypeMetric,
} from '../catalogue/index.ts'
import { type TaskRecord, totalOf } from '../jobs/records.ts'
import type { ExpositionStore } from './exposition-store.ts'
import { LearningWorkerSeries } from './learning-worker-series.ts'
import { FactSeries, type Reading, ReadingSeries } from './readings.ts'
import type { SeriesFamily } from './series-family.ts'
import type { TaskPrefix } from './task-readings.ts'

type Fact = {
  readonly family: SeriesFamily<TaskTypeMetric>
  readonly fields: Readonly<Record<string, string>>
}

/** The families of one task type. */
type TypeFamilies = {
  readonly readings: readonly Reading<TaskRecord, TaskPrefix>[]
  readonly facts: readonly Fact[]
  readonly fields: ReadonlySet<string>
  readonly learning: LearningType | undefined
}

const noFields: ReadonlySet<string> = new Set()
const factLengthMax = 512

/** The families of all task types, made once. */
export class TaskTypeFamilies {
  readonly #store: ExpositionStore
  readonly #byType: ReadonlyMap<string, TypeFamilies>

  constructor(store: ExpositionStore, types: readonly TaskType[]) {
    this.#store = store
    this.#byType = new Map(types.map((type) => [type.name, familiesOf(store, type)]))
  }

  /** Fields of `algorithmMetrics` that the type has series of its own for. */
  fieldsOf(taskType: string): ReadonlySet<string> {
    return this.#byType.get(taskType)?.fields ?? noFields
  }

  /** Undefined for a type that is not declared. */
  series(taskType: string, prefix: TaskPrefix): TaskTypeSeries | undefined {
    const families = this.#byType.get(taskType)
    return families === undefined ? undefined : new TaskTypeSeries(this.#store, families, prefix)
  }
}

/** The series that one task has for being of its type. */
export class TaskTypeSeries {
  readonly #prefix: TaskPrefix
  readonly #readings: ReadingSeries<TaskRecord, TaskPrefix>
  readonly #facts: readonly (Fact & { readonly series: FactSeries })[]
  readonly #learning: LearningWorkerSeries | undefined

  constructor(store: ExpositionStore, { readings, facts, learning }: TypeFamilies, prefix: TaskPrefix) {
    this.#learning = learning === undefined ? undefined : new LearningWorkerSeries(store, learning)
    this.#prefix = prefix
    this.#readings = new ReadingSeries(readings, prefix)
    this.#facts = facts.map((fact) => ({ ...fact, series: new FactSeries() }))
  }

  update(record: TaskRecord): void {
    this.#readings.update(record)
    this.#learning?.update(record)
    for (const { family, fields, series } of this.#facts) {
      const labels = factsOf(record, fields)
      if (labels === undefined) series.remove()
      else series.show(JSON.stringify(labels), () => family.seriesUnder(this.#prefix, labels))
    }
  }

  remove(): void {
    this.#readings.remove()
    this.#learning?.remove()
    for (const { series } of this.#facts) series.remove()
  }
}

function familiesOf(store: ExpositionStore, type: TaskType): TypeFamilies {
  const numbers = type.numbers.map((entry): Reading<TaskRecord, TaskPrefix> => {
    const family = store.family(numberMetric(type, entry))
    const labels = entry.labels ?? {}
    const read = entry.type === 'counter' ? counterReader(entry.field) : gaugeReader(entry.field)
    return { create: (prefix) => family.seriesUnder(prefix, labels), read }
  })
  const states = type.states.flatMap((set) => {
    const family = store.family(statesMetric(type, set))
    const present = stateReader(set.field, set.states)
    return set.states.map((state): Reading<TaskRecord, TaskPrefix> => {
      const read = (record: TaskRecord) => {
        const known = present(record)
        return known === undefined ? undefined : Number(known === state)
      }
      return { create: (prefix) => family.seriesUnder(prefix, { [set.label]: state }), read }
    })
  })
  const facts = type.infos.map((entry) => ({ family: store.family(infoMetric(type, entry)), fields: entry.labels }))
  return {
    readings: [...numbers, ...states],
    facts,
    fields: new Set([
      ...[...type.numbers, ...type.states].map(({ field }) => field),
      ...(type.learning === undefined ? [] : learningNames(type.learning)),
    ]),
    learning: type.learning,
  }
}

/** A counter is there with 0 from the task's first report on: a first step would have no increase otherwise. */
function counterReader(field: string): (record: TaskRecord) => number {
  return ({ counters }) => (Object.hasOwn(counters, field) ? (totalOf(counters[field]) ?? 0) : 0)
}

function gaugeReader(field: string): (record: TaskRecord) => number | undefined {
  return (record) => {
    const value = metricNamed(record, field)
    return typeof value === 'number' ? value : undefined
  }
}

/** The state that a field names; undefined when it names none of the set. */
function stateReader(field: string, states: readonly string[]): (record: TaskRecord) => string | undefined {
  const byKey = new Map(states.map((state) => [stateKey(state), state]))
  return (record) => {
    const value = metricNamed(record, field)
    return typeof value === 'string' ? byKey.get(stateKey(value)) : undefined
  }
}

/** Values of all labels, '' for those not known; undefined while none is known. */
function factsOf(record: TaskRecord, fields: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const pairs = Object.entries(fields).map(([label, field]) => [label, factText(metricNamed(record, field))] as const)
  return pairs.every(([, text]) => text === '') ? undefined : Object.fromEntries(pairs)
}

function factText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, factLengthMax) : ''
}

function metricNamed({ metrics }: TaskRecord, field: string): unknown {
  return Object.hasOwn(metrics, field) ? metrics[field] : undefined
}
