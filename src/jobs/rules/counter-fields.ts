/** Names of the totals kept per shard: fields of the counters hash, JSON arrays of family and labels. */
import type { Outcome } from '../../report/report.ts'
import type { EndStatus, TaskStatus } from '../../report/status.ts'
import type { EngineState, TaskLabels } from '../records.ts'

const memo = new Map<string, string>()
const memoMax = 20_000

/** JSON text of a field; memoised, as the same few hundred come with every report. */
function field(...parts: (string | number)[]): string {
  const key = parts.join('\u0000')
  const known = memo.get(key)
  if (known !== undefined) return known
  if (memo.size >= memoMax) memo.clear()
  const text = JSON.stringify(parts)
  memo.set(key, text)
  return text
}

export const counterFields = {
  /** gauge: open tasks */
  tasks: (labels: TaskLabels, status: TaskStatus) => field('tasks', labels.namespace, labels.taskType, labels.engineType, status),
  finished: (labels: TaskLabels, status: EndStatus) =>
    field('finished', labels.namespace, labels.taskType, labels.engineType, status),
  /** gauge */
  stalled: (labels: TaskLabels) => field('stalled', labels.taskType, labels.engineType),
  lost: (labels: TaskLabels) => field('lost', labels.namespace, labels.taskType, labels.engineType),
  durationBucket: (labels: TaskLabels, status: EndStatus, bucket: number) =>
    field('durationBucket', labels.taskType, labels.engineType, status, bucket),
  durationSumMs: (labels: TaskLabels, status: EndStatus) => field('durationSumMs', labels.taskType, labels.engineType, status),
  durationCount: (labels: TaskLabels, status: EndStatus) => field('durationCount', labels.taskType, labels.engineType, status),
  queueBucket: (labels: TaskLabels, bucket: number) => field('queueBucket', labels.taskType, labels.engineType, bucket),
  queueSumMs: (labels: TaskLabels) => field('queueSumMs', labels.taskType, labels.engineType),
  queueCount: (labels: TaskLabels) => field('queueCount', labels.taskType, labels.engineType),
  /** gauge */
  engines: (engineType: string, state: EngineState) => field('engines', engineType, state),
  reportsLost: () => field('reportsLost'),
  lineageDropped: () => field('lineageDropped'),
  /** Messages of runtimes, by the label value of their topic. */
  runtimeMessages: (topic: string, outcome: Outcome) => field('runtimeMessages', topic, outcome),
  /** gauge: open jobs of a namespace (as a label value) in this shard, for the limit */
  openJobs: (namespace: string) => field('openJobs', namespace),
} as const

/** Index of the first bound that holds the value; the length of the list means beyond all of them. */
export function bucketOf(boundsSeconds: readonly number[], valueMs: number): number {
  const at = boundsSeconds.findIndex((bound) => valueMs <= bound * 1000)
  return at < 0 ? boundsSeconds.length : at
}
