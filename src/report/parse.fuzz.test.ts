import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultReportLimits as limits } from './limits.ts'
import { reportParser } from './parse.ts'

const parse = reportParser()
const nowMs = Date.UTC(2026, 0, 1)

const keys = [
  ...['namespace', 'jobId', 'execId', 'taskType', 'attempt', 'seq', 'reportedAt', 'status', 'scope', 'progress', 'progressInfo'],
  ...[
    'resourceMap',
    'usage',
    'engine',
    'engineTaskCounts',
    'algorithmMetrics',
    'attributes',
    'extraInfoMap',
    'metadata',
    'lineage',
  ],
  ...[
    'workflowToken',
    'error',
    'logs',
    'instance',
    'incarnation',
    'stateSeconds',
    'idle',
    'queueMemory',
    'jobStatus',
    'id',
    'totalTasks',
  ],
  ...[
    'line',
    'ts',
    'level',
    'fields',
    'code',
    'message',
    'engineInstance',
    'ticketId',
    'modelUrl',
    'url',
    '__proto__',
    'constructor',
  ],
]

const leaf = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'e-1',
      'Running',
      'succeeded',
      '1',
      'node:1',
      'task',
      'job',
      '',
      'https://a:b@c/d?e',
      '2025-01-01T00:00:00Z',
    ),
  },
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, false, -0, 1e308, Number.POSITIVE_INFINITY, Number.NaN, 2 ** 53),
)

const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string({ maxLength: 8 })), tie('value'), { maxKeys: 8 }),
  ),
}))

const likeReport = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...keys), anyValue, { maxKeys: 12 }),
    fc.record(
      { execId: fc.constant('e-1'), status: fc.constant('Running'), engine: fc.constant({ instance: 'e' }) },
      { requiredKeys: [] },
    ),
  )
  .map(([any, valid]) => ({ ...any, ...valid }))

function* leavesOf(value: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null) yield value
  else {
    for (const key of Reflect.ownKeys(value)) {
      expect(['__proto__', 'constructor', 'prototype']).not.toContain(key)
      yield key
      yield* leavesOf((value as Record<PropertyKey, unknown>)[key])
    }
  }
}

test('whatever comes in, what comes out is clean, finite and bounded, and nothing is thrown', () => {
  let taken = 0
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: likeReport }, anyValue), (item) => {
      const result = parse(item, nowMs)
      if (!result.isValid) {
        expect(JSON.stringify(result.rejection).length).toBeLessThan(600)
        return
      }
      taken++
      for (const part of leavesOf(result.report)) {
        if (typeof part === 'number') expect(Number.isFinite(part) && !Object.is(part, -0)).toBe(true)
        if (typeof part === 'string') expect(part).not.toMatch(/\p{Cs}/u)
      }
      expect(result.report.jobId.length).toBeLessThanOrEqual(limits.idLengthMax)
      expect(result.report.progressRatio ?? 0).toBeLessThanOrEqual(1)
    }),
    { numRuns: 3_000 },
  )
  expect(taken).toBeGreaterThan(300)
})

test('a value nested a hundred thousand times ends in a note, not in a crash', () => {
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  const item = {
    execId: '1',
    status: 'running',
    engine: { instance: 'e' },
    metadata: deep,
    attributes: { a: deep },
    algorithmMetrics: { b: deep },
  }
  expect(parse(item, nowMs)).toMatchObject({ isValid: true, ignored: ['metadata', 'attributes', 'algorithmMetrics.b'] })
})
