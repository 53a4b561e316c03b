import { describe, expect, test } from 'vitest'
import { engineLabels, type LabelValues, type Metric, metricKinds, metrics, taskLabels } from './index.ts'

const all: readonly Metric[] = Object.values(metrics)
const named = all.map((metric) => [metric.name, metric] as const)

const reservedLabels = new Set('type le quantile instance job region zone cluster dc owner service env stage'.split(' '))
const unitSuffix = { seconds: '_seconds', timestamp: '_timestamp_seconds', bytes: '_bytes', ratio: '_ratio', cores: '_cores' }

describe.each(named)('%s', (name, metric) => {
  test('has a lower snake case name under the one prefix, without a type word or a colon', () => {
    expect(name).toMatch(/^enginescope(_[a-z0-9]+)+$/)
    expect(name).not.toMatch(/_(gauge|counter|histogram|summary)(_|$)/)
    expect(name).not.toMatch(/_(sum|count|bucket|created)$/)
    expect(name).not.toMatch(/(milliseconds|_ms|_mb|_kb|percent|minutes|hours|days)/)
  })

  test('says _total if and only if it is a counter', () => {
    expect(name.endsWith('_total')).toBe(metric.type === 'counter')
  })

  test('ends in its unit', () => {
    const bare = name.replace(/_total$/, '')
    const suffix = (unitSuffix as Partial<Record<string, string>>)[metric.unit]
    if (suffix !== undefined) expect(bare.endsWith(suffix)).toBe(true)
    else expect(bare).not.toMatch(/_(seconds|bytes|ratio|cores)$/)
    expect(metric.unit === 'info').toBe(name.endsWith('_info'))
  })

  test('has a help of one sentence that needs no escaping', () => {
    expect(metric.help).toMatch(/^[A-Z0-9][^\n"\\]*\.$/)
    expect(metric.source).not.toBe('')
  })

  test('has label names that Prometheus and its users do not keep for themselves', () => {
    expect(new Set(metric.labels).size).toBe(metric.labels.length)
    for (const label of metric.labels) {
      expect(label).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(reservedLabels.has(label)).toBe(false)
    }
  })

  test('lists values only for labels that it has', () => {
    for (const label of Object.keys(metric.values ?? {})) expect(metric.labels).toContain(label)
  })

  test('begins with the labels of its group', () => {
    if (metric.group === 'engine') expect(metric.labels.slice(0, 2)).toEqual(engineLabels)
    if (metric.group === 'task' || metric.group === 'task_metric') expect(metric.labels.slice(0, 6)).toEqual(taskLabels)
  })

  test('has rising bounds if it is a histogram', () => {
    if (metric.type !== 'histogram') return
    expect([...metric.buckets].sort((a, b) => a - b)).toEqual(metric.buckets)
    expect(new Set(metric.buckets).size).toBe(metric.buckets.length)
    expect(metric.buckets.every((bound) => Number.isFinite(bound) && bound > 0)).toBe(true)
  })
})

test('no name is given twice', () => {
  expect(new Set(all.map((metric) => metric.name)).size).toBe(all.length)
})

test('a misspelt series or label does not compile', () => {
  // @ts-expect-error there is no such series
  expect(metrics.taskProgres).toBeUndefined()
  // @ts-expect-error there is no such label
  const wrong: LabelValues<typeof metrics.engines> = { engine_type: 'spark', sate: 'live' }
  expect(wrong).toBeDefined()
})

test('an algorithm metric that no task type knows is a gauge', () => {
  expect(metricKinds([])('generic', 'trainLoss')).toBe('gauge')
})
