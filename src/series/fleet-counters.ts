import { metrics, runtimeMetrics } from '../catalogue/index.ts'
import { engineStates } from '../jobs/records.ts'
import { endStatuses, openStatuses } from '../report/status.ts'

/** Observations by bucket, each bucket alone, the last beyond every bound; and their sum in seconds. */
export type Gathered = { readonly counts: number[]; sum: number }

/** The totals of the whole installation. Keys are JSON arrays of label values in the order of the metric's labels. */
export type FleetTotals = {
  readonly tasks: Map<string, number>
  readonly finished: Map<string, number>
  readonly lost: Map<string, number>
  readonly engines: Map<string, number>
  readonly stalled: Map<string, number>
  readonly runtimes: Map<string, number>
  readonly runtimePolls: Map<string, number>
  readonly runtimeMessages: Map<string, number>
  readonly runtimeResets: Map<string, number>
  readonly lineageDropped: Map<string, number>
  /** Submission of the oldest task that waits, seconds since the epoch. */
  readonly oldestWaiting: Map<string, number>
  readonly durations: Map<string, Gathered>
  readonly queues: Map<string, Gathered>
  reportsLost: number
}

type Labels = readonly (string | number)[]
type FieldReader = { readonly labelCount: number; readonly read: (totals: FleetTotals, labels: Labels, value: number) => void }

const durationLabelCount = metrics.taskDuration.labels.length
const queueLabelCount = metrics.taskQueue.labels.length

type PlainFamily =
  | 'tasks'
  | 'finished'
  | 'lost'
  | 'engines'
  | 'stalled'
  | 'runtimes'
  | 'runtimePolls'
  | 'runtimeMessages'
  | 'runtimeResets'
  | 'lineageDropped'

function plain(family: PlainFamily, labels: readonly string[]): FieldReader {
  return { labelCount: labels.length, read: (totals, values, value) => totals[family].set(JSON.stringify(values), value) }
}

/** How each field of the counters is taken, by its first word. Counts of histograms follow from their buckets. */
const readers: Readonly<Record<string, FieldReader>> = {
  tasks: plain('tasks', metrics.tasks.labels),
  finished: plain('finished', metrics.tasksFinished.labels),
  lost: plain('lost', metrics.tasksLost.labels),
  engines: plain('engines', metrics.engines.labels),
  stalled: plain('stalled', metrics.tasksStalled.labels),
  runtimes: plain('runtimes', runtimeMetrics.runtimes.labels),
  runtimePolls: plain('runtimePolls', runtimeMetrics.runtimePolls.labels),
  runtimeMessages: plain('runtimeMessages', runtimeMetrics.runtimeMessages.labels),
  runtimeResets: plain('runtimeResets', runtimeMetrics.runtimeResets.labels),
  lineageDropped: plain('lineageDropped', runtimeMetrics.lineageDropped.labels),
  oldestWaitingMs: {
    labelCount: metrics.tasksOldestWaiting.labels.length,
    read: (totals, labels, value) => totals.oldestWaiting.set(JSON.stringify(labels), value / 1000),
  },
  durationBucket: {
    labelCount: durationLabelCount + 1,
    read: (totals, labels, value) => addToBucket(durationAt(totals, labels.slice(0, -1)), labels.at(-1), value),
  },
  durationSumMs: {
    labelCount: durationLabelCount,
    read: (totals, labels, value) => {
      durationAt(totals, labels).sum = value / 1000
    },
  },
  queueBucket: {
    labelCount: queueLabelCount + 1,
    read: (totals, labels, value) => addToBucket(queueAt(totals, labels.slice(0, -1)), labels.at(-1), value),
  },
  queueSumMs: {
    labelCount: queueLabelCount,
    read: (totals, labels, value) => {
      queueAt(totals, labels).sum = value / 1000
    },
  },
  reportsLost: {
    labelCount: 0,
    read: (totals, _labels, value) => {
      totals.reportsLost = value
    },
  },
}

/**
 * Reads the totals field by field: a JSON array of family and label values to a number. What this version does not know is passed
 * over, since another version may write to the same store.
 */
export function readFleetTotals(counters: ReadonlyMap<string, number>): FleetTotals {
  const totals: FleetTotals = {
    tasks: new Map(),
    finished: new Map(),
    lost: new Map(),
    engines: new Map(),
    stalled: new Map(),
    runtimes: new Map(),
    runtimePolls: new Map(),
    runtimeMessages: new Map(),
    runtimeResets: new Map(),
    lineageDropped: new Map(),
    oldestWaiting: new Map(),
    durations: new Map(),
    queues: new Map(),
    reportsLost: 0,
  }
  for (const [field, value] of counters) {
    const [family, ...labels] = partsOf(field)
    const reader = typeof family === 'string' && Object.hasOwn(readers, family) ? readers[family] : undefined
    if (reader?.labelCount === labels.length && Number.isFinite(value)) reader.read(totals, labels, value)
  }
  beginAtZero(totals)
  return totals
}

const growing = ['finished', 'lost', 'runtimePolls', 'runtimeMessages', 'runtimeResets', 'lineageDropped'] as const

/** Takes over every higher counter of an earlier reading: a store that was rolled back must not make them fall. */
export function keepHighWater(totals: FleetTotals, earlier: FleetTotals): void {
  totals.reportsLost = Math.max(totals.reportsLost, earlier.reportsLost)
  for (const family of growing) {
    for (const [key, value] of earlier[family]) totals[family].set(key, Math.max(value, totals[family].get(key) ?? 0))
  }
  for (const family of ['durations', 'queues'] as const) {
    for (const [key, before] of earlier[family]) {
      const now = totals[family].get(key)
      totals[family].set(key, now === undefined ? before : higherOf(now, before))
    }
  }
}

function higherOf(now: Gathered, before: Gathered): Gathered {
  const counts = now.counts.map((count, bucket) => Math.max(count, before.counts[bucket] ?? 0))
  return { counts, sum: Math.max(now.sum, before.sum) }
}

function partsOf(field: string): Labels {
  try {
    const parts: unknown = JSON.parse(field)
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string' || typeof part === 'number') ? parts : []
  } catch {
    // Not a field of ours.
    return []
  }
}

function durationAt(totals: FleetTotals, labels: Labels): Gathered {
  return gatheredAt(totals.durations, labels, metrics.taskDuration.buckets.length)
}

function queueAt(totals: FleetTotals, labels: Labels): Gathered {
  return gatheredAt(totals.queues, labels, metrics.taskQueue.buckets.length)
}

function gatheredAt(into: Map<string, Gathered>, labels: Labels, boundCount: number): Gathered {
  const key = JSON.stringify(labels)
  const gathered = into.get(key) ?? { counts: new Array<number>(boundCount + 1).fill(0), sum: 0 }
  into.set(key, gathered)
  return gathered
}

/** A bound that this version does not have counts as beyond all, so that it stays in the total. */
function addToBucket({ counts }: Gathered, bucket: string | number | undefined, value: number): void {
  const beyond = counts.length - 1
  const index = typeof bucket === 'number' && Number.isInteger(bucket) && bucket >= 0 ? Math.min(bucket, beyond) : beyond
  counts[index] = (counts[index] ?? 0) + value
}

/**
 * Zero first: where anything is known of a kind of task, all its counters are there from the start. A counter that is born as 1 has
 * an increase of 0.
 */
function beginAtZero(totals: FleetTotals): void {
  const kindTexts = [totals.tasks, totals.finished, totals.lost].flatMap((family) => [...family.keys()]).map(firstThree)
  for (const kindText of new Set(kindTexts)) {
    const [namespace = '', taskType = '', engineType = ''] = JSON.parse(kindText) as string[]
    for (const status of openStatuses) zero(totals.tasks, [namespace, taskType, engineType, status])
    for (const status of endStatuses) {
      zero(totals.finished, [namespace, taskType, engineType, status])
      durationAt(totals, [taskType, engineType, status])
    }
    zero(totals.lost, [namespace, taskType, engineType])
    zero(totals.stalled, [taskType, engineType])
    queueAt(totals, [taskType, engineType])
  }
  beginRuntimesAtZero(totals)
  for (const engineType of new Set([...totals.engines.keys()].map(firstOf))) {
    for (const state of engineStates) zero(totals.engines, [engineType, state])
  }
}

/** What an alert rests on is there from the first runtime on. */
function beginRuntimesAtZero(totals: FleetTotals): void {
  if (totals.runtimes.size === 0) return
  for (const state of runtimeMetrics.runtimes.values.state) zero(totals.runtimes, [state])
  for (const outcome of runtimeMetrics.runtimePolls.values.outcome) zero(totals.runtimePolls, [outcome])
  for (const reason of runtimeMetrics.runtimeResets.values.reason) zero(totals.runtimeResets, [reason])
  for (const topic of runtimeMetrics.runtimeMessages.values.topic)
    for (const outcome of ['applied', 'lost', 'refused', 'foreign']) zero(totals.runtimeMessages, [topic, outcome])
  zero(totals.lineageDropped, [])
}

function firstThree(key: string): string {
  return JSON.stringify((JSON.parse(key) as string[]).slice(0, 3))
}

function firstOf(key: string): string {
  return (JSON.parse(key) as string[])[0] ?? ''
}

function zero(into: Map<string, number>, labels: Labels): void {
  const key = JSON.stringify(labels)
  if (!into.has(key)) into.set(key, 0)
}
