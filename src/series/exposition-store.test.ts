import { expect, test } from 'vitest'
import { parsePrometheusText, sampleValue } from '../../test/support/prometheus-text.ts'
import { metrics, type SharedGroup, taskLabels } from '../catalogue/index.ts'
import { ExpositionStore } from './exposition-store.ts'
import type { ExpositionFormat } from './exposition-text.ts'
import { labelPrefix } from './series-family.ts'

function aStore(linesMax: Partial<Record<SharedGroup, number>> = {}) {
  const overflows: SharedGroup[] = []
  const store = new ExpositionStore({
    linesMax: { fleet: 1_000_000, engine: 1_000_000, task: 1_000_000, task_metric: 1_000_000, ...linesMax },
    onOverflow: (group) => overflows.push(group),
  })
  const text = (format: ExpositionFormat = 'text') => Buffer.concat([...store.render(format)]).toString()
  return { store, overflows, text }
}

function aTask(id: number | string) {
  const values = { namespace: 'default', job_id: `j${id}`, task: 't', task_type: 'sql', engine: 'n:1', engine_type: 'spark' }
  return labelPrefix(taskLabels, values)
}

test('a family prints its header and its lines with an empty instance', () => {
  const { store, text } = aStore()
  store.family(metrics.engines).series({ engine_type: 'spark', state: 'live' })?.set(3)
  expect(text()).toBe(
    [
      '# HELP enginescope_engines Engines by liveness.',
      '# TYPE enginescope_engines gauge',
      'enginescope_engines{engine_type="spark",state="live",instance=""} 3',
      '',
    ].join('\n'),
  )
})

test('a family without labels prints the empty instance alone', () => {
  const { store, text } = aStore()
  store.family(metrics.reportsLost).series({})
  expect(text()).toContain('\nenginescope_reports_lost_total{instance=""} 0\n')
})

test('a family without series prints nothing, also after its last one went', () => {
  const { store, text } = aStore()
  const series = store.family(metrics.engines).series({ engine_type: 'spark', state: 'live' })
  series?.remove()
  expect(text()).toBe('')
})

test.each([
  [0, '0'],
  [-0, '0'],
  [7, '7'],
  [2_147_483_647, '2147483647'],
  [2_147_483_648, '2147483648'],
  [68_719_476_736, '68719476736'],
  [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  [0.1, '0.1'],
  [-12.5, '-12.5'],
  [1e21, '1e+21'],
  [-2.2250738585072014e-308, '-2.2250738585072014e-308'],
  [Number.MAX_VALUE, '1.7976931348623157e+308'],
])('the value %d prints as %s, exactly', (value, printed) => {
  const { store, text } = aStore()
  const series = store.family(metrics.taskResourceMemory).seriesUnder(aTask(1), {})
  for (const before of [123_456_789.123, 1]) {
    series?.set(before)
    series?.set(value)
    expect(text().endsWith(`instance=""} ${printed}\n`)).toBe(true)
  }
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'the value %d is refused and the old one stays',
  (value) => {
    const { store, text } = aStore()
    const series = store.family(metrics.engines).series({ engine_type: 'spark', state: 'live' })
    series?.set(3)
    expect(() => series?.set(value)).toThrow(RangeError)
    expect(text()).toContain('} 3\n')
  },
)

test('a counter never goes back, unless it is told that its source began anew', () => {
  const { store } = aStore()
  const series = store.family(metrics.tasksLost).series({ namespace: 'n', task_type: 't', engine_type: 'e' })
  series?.set(8)
  series?.set(5)
  expect(series?.value).toBe(8)
  series?.reset(5)
  expect(series?.value).toBe(5)
})

test('quotes, backslashes and line ends in a label are escaped and read back, other control characters are replaced', () => {
  const { store, text } = aStore()
  const hostile = 'a"b\\c\nd\u0000e{}, ü 漢 \r\u2028\t#'
  store.family(metrics.engines).series({ engine_type: hostile, state: 'live' })?.set(1)
  const [sample] = parsePrometheusText(text()).get('enginescope_engines')?.samples ?? []
  expect(sample?.labels['engine_type']).toBe('a"b\\c\nd\ufffde{}, ü 漢 \ufffd\ufffd\t#')
})

test('a histogram prints rising buckets with a decimal point in every bound, sum and count', () => {
  const { store, text } = aStore()
  const series = store.histogram(metrics.taskQueue).series({ task_type: 'sql', engine_type: 'spark' })
  series?.set({ counts: [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4], sum: 1_000_000.5 })
  const families = parsePrometheusText(text())
  const name = 'enginescope_task_queue_seconds'
  expect(families.get(name)?.type).toBe('histogram')
  expect(sampleValue(families, `${name}_bucket`, { le: '0.1' })).toBe(1)
  expect(sampleValue(families, `${name}_bucket`, { le: '1.0' })).toBe(3)
  expect(sampleValue(families, `${name}_bucket`, { le: '86400.0' })).toBe(3)
  expect(sampleValue(families, `${name}_bucket`, { le: '+Inf' })).toBe(7)
  expect(sampleValue(families, `${name}_sum`)).toBe(1_000_000.5)
  expect(sampleValue(families, `${name}_count`)).toBe(7)
})

test('a histogram never goes back in any of its lines', () => {
  const { store, text } = aStore()
  const series = store.histogram(metrics.taskQueue).series({ task_type: 'sql', engine_type: 'spark' })
  series?.set({ counts: [5, 5], sum: 3 })
  const before = text()
  series?.set({ counts: [1, 1], sum: 1 })
  expect(text()).toBe(before)
})

test('OpenMetrics names a counter without _total in its TYPE and with it in its samples', () => {
  const { store, text } = aStore()
  store.family(metrics.tasksLost).series({ namespace: 'n', task_type: 't', engine_type: 'e' })?.set(2)
  expect(text('openmetrics')).toContain('# TYPE enginescope_tasks_lost counter\nenginescope_tasks_lost_total{')
})

test('beyond its limit a group gives no series and counts it, and a freed place is given again', () => {
  const { store, overflows } = aStore({ engine: 2 })
  const family = store.family(metrics.engineUp)
  const first = family.series({ engine: 'a', engine_type: 'x' })
  family.series({ engine: 'b', engine_type: 'x' })
  expect(family.series({ engine: 'c', engine_type: 'x' })).toBeUndefined()
  expect(overflows).toEqual(['engine'])
  first?.remove()
  expect(family.series({ engine: 'c', engine_type: 'x' })).toBeDefined()
  expect(store.linesOf('engine')).toBe(2)
})

test('a removed series cannot be used', () => {
  const { store } = aStore()
  const series = store.family(metrics.engineUp).series({ engine: 'a', engine_type: 'x' })
  series?.remove()
  expect(() => series?.set(1)).toThrow('removed')
  expect(() => series?.remove()).toThrow('removed')
})

test('ten thousand series of many lengths come and go, and every rendering holds exactly those that are there', () => {
  const { store, text } = aStore()
  const family = store.family(metrics.taskProgress)
  const held = new Map<string, { remove(): void }>()
  const label = (i: number) => `${'x'.repeat(i % 57)}${i}`
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10_000; i++) {
      const series = family.seriesUnder(aTask(label(i)), {})
      series?.set(i / 7)
      if (series !== undefined) held.set(`j${label(i)}`, series)
    }
    for (const [id, series] of held) {
      if (id.length % 3 === round) {
        series.remove()
        held.delete(id)
      }
    }
    const samples = parsePrometheusText(text()).get('enginescope_task_progress_ratio')?.samples ?? []
    expect(new Set(samples.map((sample) => sample.labels['job_id']))).toEqual(new Set(held.keys()))
    for (const series of held.values()) series.remove()
    held.clear()
  }
  expect(store.linesOf('task')).toBe(0)
  expect(text()).toBe('')
})

test('a rendering is cut into chunks of at most 1 MiB, each of whole lines', () => {
  const { store } = aStore()
  const family = store.family(metrics.taskProgress)
  for (let i = 0; i < 20_000; i++) family.seriesUnder(aTask(i), {})?.set(i)
  const chunks = [...store.render('text')]
  expect(chunks.length).toBeGreaterThan(2)
  for (const chunk of chunks) {
    expect(chunk.length).toBeLessThanOrEqual(1024 * 1024)
    expect(chunk.at(-1)).toBe(0x0a)
  }
  expect(parsePrometheusText(Buffer.concat(chunks).toString()).get('enginescope_task_progress_ratio')?.samples).toHaveLength(
    20_000,
  )
})

test('series that come and go between two chunks disturb no other line', () => {
  const { store } = aStore()
  const family = store.family(metrics.taskProgress)
  const all = Array.from({ length: 20_000 }, (_, i) => family.seriesUnder(aTask(i), {}))
  const rendering = store.render('text')
  const parts = [rendering.next().value as Buffer]
  for (const series of all.slice(0, 15_000)) series?.remove()
  for (let i = 0; i < 5000; i++) family.seriesUnder(aTask(`new${i}`), {})
  parts.push(...rendering)
  const samples = parsePrometheusText(Buffer.concat(parts).toString()).get('enginescope_task_progress_ratio')?.samples ?? []
  const ids = new Set(samples.map((sample) => sample.labels['job_id']))
  for (let i = 15_000; i < 20_000; i++) expect(ids.has(`j${i}`)).toBe(true)
})

test('a line longer than a block is printed whole', () => {
  const { store, text } = aStore()
  const long = 'x'.repeat(2_000_000)
  const family = store.family(metrics.engines)
  family.series({ engine_type: long, state: 'live' })?.set(1)
  family.series({ engine_type: 'y', state: 'live' })?.set(1)
  expect(parsePrometheusText(text()).get('enginescope_engines')?.samples).toHaveLength(2)
})

test('a label that the metric does not have does not compile', () => {
  const { store } = aStore()
  // @ts-expect-error no such label
  store.family(metrics.engineUp).series({ engine: 'a', engine_typ: 'x' })?.remove()
  // @ts-expect-error the state is missing
  store.family(metrics.taskSubtasks).seriesUnder(aTask(1), {})?.remove()
  // @ts-expect-error a series of the replica itself has no place in the shared store
  store.family(metrics.shards)
})
