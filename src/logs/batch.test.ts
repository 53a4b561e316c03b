import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aLogEntry, someTimeMs } from '../../test/support/stored-state.ts'
import type { LogEntry } from '../jobs/records.ts'
import { cutIntoPushes, defaultClampWindow, pushBody, type ReadyLine, readyLines } from './batch.ts'
import { fieldNameOf } from './line-metadata.ts'

type Value = [ns: string, line: string, metadata: Record<string, string>]
type Body = { streams: { stream: Record<string, string>; values: Value[] }[] }

function bodyOf(lines: readonly ReadyLine<unknown>[]): Body {
  return JSON.parse(pushBody(lines)) as Body
}

function valuesOf(entry: LogEntry, arrivalMs = someTimeMs): Value[] {
  return bodyOf(readyLines(entry, entry, arrivalMs)).streams.flatMap((stream) => stream.values)
}

function metadataOf(fields: Record<string, string>, changes: Partial<LogEntry> = {}): Record<string, string> {
  const entry = aLogEntry([], { ...changes, lines: [[`${someTimeMs}000000`, 'INFO', 'x', fields]] })
  return valuesOf(entry)[0]?.[2] ?? {}
}

const nsText = fc.oneof(
  fc.bigInt({ min: 0n, max: 9n * 10n ** 18n }).map(String),
  fc.integer({ min: -4_000_000, max: 4_000_000 }).map((ms) => `${someTimeMs + ms}000000`),
  fc.constantFrom('', '-5', 'yesterday', '99999999999999999999'),
)
const anyEntry: fc.Arbitrary<LogEntry> = fc.record({
  namespace: fc.constantFrom('default', 'a"b\\c'),
  engineType: fc.constantFrom('spark', ''),
  taskType: fc.constant('sql'),
  jobId: fc.string({ minLength: 1, unit: 'binary' }),
  engine: fc.string({ minLength: 1 }),
  lines: fc.array(
    fc.tuple(
      nsText,
      fc.constantFrom('INFO', 'ERROR', 'odd'),
      fc.string({ unit: 'binary' }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 }),
    ),
    { maxLength: 20 },
  ),
})

describe('a batch', () => {
  test('has one object a label set, its lines sorted by time', () => {
    const first = aLogEntry(['b', 'ERROR c'], {}, someTimeMs + 10)
    const second = aLogEntry(['a'], { jobId: 'other' }, someTimeMs)
    const body = bodyOf([first, second].flatMap((entry) => readyLines(entry, entry, someTimeMs)))
    const labels = { service_name: 'enginescope', namespace: 'default', engine_type: 'spark', task_type: 'sql' }
    expect(body.streams.map((stream) => stream.stream)).toEqual([
      { ...labels, level: 'INFO' },
      { ...labels, level: 'ERROR' },
    ])
    expect(body.streams.map((stream) => stream.values.map(([, line]) => line))).toEqual([['a', 'b'], ['c']])
  })

  test('carries the ids as structured metadata', () => {
    expect(valuesOf(aLogEntry(['x'], { node: 'node-07', attempt: 2 }))[0]?.[2]).toEqual({
      job_id: '48213',
      task: 'spark-ec-48213',
      attempt: '2',
      engine: 'node-07:38215',
      node: 'node-07',
    })
  })

  test('gives the same bytes for the same entry, whatever else is sent with it', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 4 }), fc.nat(), (entries, cut) => {
        const all = entries.flatMap((entry) => readyLines(entry, entry, someTimeMs))
        const again = entries.flatMap((entry) => readyLines(entry, structuredClone(entry), someTimeMs))
        expect(again.map((line) => line.json)).toEqual(all.map((line) => line.json))
        expect(pushBody(again)).toBe(pushBody(all))
        const half = all.slice(0, cut % (all.length + 1))
        const inFull = new Set(
          bodyOf(all).streams.flatMap((one) => one.values.map((value) => JSON.stringify([one.stream, value]))),
        )
        for (const { stream, values } of bodyOf(half).streams) {
          for (const value of values) expect(inFull).toContain(JSON.stringify([stream, value]))
        }
      }),
      { numRuns: 150 },
    )
  })

  test('keeps the order of an entry in times that rise strictly and lie in the window', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const lines = readyLines(entry, entry, someTimeMs)
        const times = lines.map((line) => line.ts)
        expect(times).toEqual([...new Set(times)].sort())
        for (const ts of times) {
          expect(Number(ts) / 1e6).toBeGreaterThanOrEqual(someTimeMs - defaultClampWindow.behindMs)
          expect(Number(ts) / 1e6).toBeLessThanOrEqual(someTimeMs + defaultClampWindow.aheadMs + 1)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('loses no line and exceeds no limit when it is cut, but for a line that is larger by itself', () => {
    fc.assert(
      fc.property(anyEntry, fc.integer({ min: 1, max: 2_000 }), (entry, bytesMax) => {
        const lines = readyLines(entry, entry, someTimeMs)
        const pushes = cutIntoPushes(lines, bytesMax)
        expect(pushes.flat()).toEqual(lines)
        for (const push of pushes) {
          expect(push.length === 1 || push.reduce((sum, line) => sum + line.bytes, 0) <= bytesMax).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('the time of a line', () => {
  test('is left alone inside the window', () => {
    expect(valuesOf(aLogEntry(['x']), someTimeMs + 39 * 60_000)[0]).toEqual([
      `${someTimeMs}000000`,
      'x',
      expect.not.objectContaining({ original_ts: expect.anything() }),
    ])
  })

  test.each([
    ['30 d behind', -30 * 86_400_000, -defaultClampWindow.behindMs],
    ['3 d ahead', 3 * 86_400_000, defaultClampWindow.aheadMs],
  ])('is moved to the edge when it lies %s, and the original is kept', (_, off, edge) => {
    const [value] = valuesOf(aLogEntry(['x'], {}, someTimeMs + off))
    expect(value?.[0]).toBe(`${someTimeMs + edge}000000`)
    expect(value?.[2]['original_ts']).toBe(`${someTimeMs + off}000000`)
  })

  test('hangs on the arrival alone, so that a restart changes nothing', () => {
    const entry = aLogEntry(['x', 'y'], {}, someTimeMs - 86_400_000)
    expect(valuesOf(entry, someTimeMs)).toEqual(valuesOf(structuredClone(entry), someTimeMs))
  })
})

describe('the fields of a line', () => {
  test('are kept under their names', () => {
    expect(metadataOf({ stage: '4', thread: 'main' })).toMatchObject({ stage: '4', thread: 'main' })
  })

  test.each(['job_id', 'task', 'engine', 'level', 'namespace', 'original_ts', 'event'])('cannot pass for our %s', (name) => {
    const metadata = metadataOf({ [name]: 'faked' })
    expect(metadata[`field_${name}`]).toBe('faked')
    expect(metadata['job_id']).toBe('48213')
    expect(fieldNameOf(`field_${name}`)).toBe(name)
  })

  test('keep the event of a line that the aggregator made', () => {
    expect(metadataOf({ event: 'job_finished' }, { isOwn: true })['event']).toBe('job_finished')
  })

  test('get names that Loki takes, each its own', () => {
    expect(metadataOf({ 'a.b': '1', 'a-b': '2', '9x': '3', __error__: '4', ü: '5' })).toMatchObject({
      a_b: '1',
      a_b_2: '2',
      field_9x: '3',
      field___error__: '4',
      _: '5',
    })
  })

  test('beyond 128 entries or 64 KB are left out and counted', () => {
    const many = metadataOf(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'v'])))
    expect(Object.keys(many)).toHaveLength(128)
    expect(Number(many['fields_dropped'])).toBe(200 - (128 - 5))
    const large = metadataOf({ big: 'x'.repeat(70_000), small: 'y' })
    expect(large).toMatchObject({ small: 'y', fields_dropped: '1' })
    expect(large).not.toHaveProperty('big')
  })
})
