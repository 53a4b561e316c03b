/** What reports say of a task in numbers and texts: the newest of what has its moment, the sum of what only grows. */
import type { Report, Usage } from '../../report/report.ts'
import type { Cumulative, TaskRecord } from '../records.ts'
import { accumulate, adopted } from './cumulative.ts'
import { takeLearned } from './learned-task.ts'
import type { Placed } from './order.ts'
import type { TaskRules } from './task-arrival.ts'

const namesMax = 256

type Metrics = TaskRecord['metrics']

/** Takes in what only grows, whatever the report's place. */
export function takeCumulative(record: TaskRecord, report: Report, placed: Placed, rules: TaskRules): void {
  const isNewest = placed.place === 'newest'
  const cpu = report.usage?.cpuSeconds
  if (cpu !== undefined) {
    const cpuSeconds = accumulate(record.usage.cpuSeconds, placed.incarnation, cpu, isNewest)
    if (cpuSeconds !== record.usage.cpuSeconds) record.usage = { ...record.usage, cpuSeconds }
  }
  if (report.algorithmMetrics === undefined) return
  const learned = rules.learning.get(record.labels.taskType)
  if (learned !== undefined) takeLearned(record, report.algorithmMetrics, learned, { incarnation: placed.incarnation, isNewest })
  for (const name in report.algorithmMetrics) {
    const value = report.algorithmMetrics[name]
    // What only grows is never negative.
    if (typeof value !== 'number' || value < 0 || rules.metricKind(record.labels.taskType, name) !== 'counter') continue
    const counter = accumulate(record.counters[name], placed.incarnation, value, isNewest)
    if (counter !== record.counters[name]) record.counters = { ...record.counters, [name]: counter }
  }
}

export function takeMetrics(record: TaskRecord, report: Report, rules: TaskRules): void {
  const reported = report.algorithmMetrics
  if (reported === undefined) return
  const { taskType } = record.labels
  const isGauge = (name: string) => rules.metricKind(taskType, name) === 'gauge'
  if (namesAll(reported, record.metrics, isGauge)) {
    record.metrics = reported
    return
  }
  const metrics = { ...record.metrics }
  for (const name in reported) if (isGauge(name)) metrics[name] = reported[name]
  record.metrics = bounded(metrics)
}

/** The usual case, none now included: a report that names every gauge known, and nothing else. Then it is what is known. */
function namesAll(reported: Metrics, known: Metrics, isGauge: (name: string) => boolean): boolean {
  let count = 0
  for (const name in reported) {
    if (!isGauge(name)) return false
    count += 1
  }
  if (count === 0) return true
  for (const name in known) if (!Object.hasOwn(reported, name)) return false
  return count <= namesMax
}

/** Gauges of the newest report over those known; what is cumulative is taken for itself. */
export function nextUsage(known: TaskRecord['usage'], reported: Usage): TaskRecord['usage'] {
  const usage = { ...known }
  if (reported.memoryBytes !== undefined) usage.memoryBytes = reported.memoryBytes
  if (reported.gpuMemoryBytes !== undefined) usage.gpuMemoryBytes = reported.gpuMemoryBytes
  if (reported.gpuUtilizationRatio !== undefined) usage.gpuUtilizationRatio = reported.gpuUtilizationRatio
  return usage
}

/** A source that had not named its incarnation before and does now is the same source: what it counted is of that one. */
export function adoptIncarnation(record: TaskRecord, incarnation: string): void {
  const cpuSeconds = adopted(record.usage.cpuSeconds, incarnation)
  if (cpuSeconds !== undefined) record.usage = { ...record.usage, cpuSeconds }
  record.counters = Object.fromEntries(
    Object.entries(record.counters).map(([name, value]) => [name, adopted(value, incarnation) as Cumulative]),
  )
}

/** Texts by name, the newest of each; `{}` = none now. */
export function merged(known: Record<string, string>, reported: Readonly<Record<string, string>>): Record<string, string> {
  return Object.keys(reported).length === 0 ? {} : bounded({ ...known, ...reported })
}

/** At most 256 names are kept; the oldest go. */
function bounded<T>(values: Record<string, T>): Record<string, T> {
  const names = Object.keys(values)
  return names.length <= namesMax ? values : Object.fromEntries(Object.entries(values).slice(-namesMax))
}
