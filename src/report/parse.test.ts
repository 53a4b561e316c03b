import { describe, expect, test } from 'vitest'
import { defaultReportLimits } from './limits.ts'
import { reportParser } from './parse.ts'
import type { Report } from './report.ts'

const nowMs = Date.UTC(2026, 0, 1)
const parse = reportParser()

function aReport(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { execId: 'e-1', jobId: 'j-1', status: 'Running', engine: { instance: 'node-07:38215' }, ...changes }
}

function accepted(item: unknown): { report: Report; ignored: readonly string[] } {
  const result = parse(item, nowMs)
  if (!result.isValid) throw new Error(JSON.stringify(result.rejection))
  return result
}

function rejected(item: unknown) {
  const result = parse(item, nowMs)
  if (result.isValid) throw new Error('was accepted')
  return result.rejection
}

/** As it comes off the wire: `__proto__` is a key, 1e999 is Infinity. */
function fromWire(fields: string): unknown {
  return JSON.parse(`{"execId":"e-1","status":"Running","engine":{"instance":"e"},${fields}}`)
}

describe('what identifies a report', () => {
  test('the least report there is gets its defaults', () => {
    expect(accepted({ execId: '1', progress: 0, engine: { instance: 'e' } })).toEqual({
      isValid: true,
      report: {
        namespace: 'default',
        jobId: 'e/1',
        isJobIdDerived: true,
        execId: '1',
        attempt: 1,
        scope: 'task',
        progressRatio: 0,
        engine: { instance: 'e' },
      },
      ignored: [],
    })
  })

  test('without execId it is a heartbeat and needs no news', () => {
    const { report } = accepted({ engine: { instance: 'e' }, engineTaskCounts: { running: 2 } })
    expect(report).toMatchObject({ jobId: '', isJobIdDerived: false, engineTaskCounts: { running: 2 } })
    expect(report).not.toHaveProperty('execId')
  })

  test.each([
    [{ engine: undefined }, 'engine'],
    [{ engine: null }, 'engine'],
    [{ engine: [] }, 'engine'],
    [{ engine: {} }, 'engine.instance'],
    [{ engine: { instance: 7 } }, 'engine.instance'],
    [{ engine: { instance: 'a b' } }, 'engine.instance'],
    [{ engine: { instance: 'e', incarnation: true } }, 'engine.incarnation'],
    [{ engine: { instance: 'e', incarnation: nowMs + 2 * 86_400_000 } }, 'engine.incarnation'],
    [{ engine: { instance: 'e', incarnation: '2026-01-03T00:00:00Z' } }, 'engine.incarnation'],
    [{ namespace: '' }, 'namespace'],
    [{ jobId: 'x'.repeat(201) }, 'jobId'],
    [{ jobId: '{x}' }, 'jobId'],
    [{ jobId: 'a*' }, 'jobId'],
    [{ jobId: 'a\r\n' }, 'jobId'],
    [{ jobId: 'a\n' }, 'jobId'],
    [{ execId: 17 }, 'execId'],
    [{ seq: 2 ** 53 }, 'seq'],
    [{ seq: -1 }, 'seq'],
    [{ seq: 0 }, 'seq'],
    [{ seq: 1.5 }, 'seq'],
    [{ seq: '1' }, 'seq'],
    [{ attempt: 2 ** 53 }, 'attempt'],
    [{ attempt: 0 }, 'attempt'],
    [{ attempt: '1' }, 'attempt'],
    [{ scope: 'all' }, 'scope'],
    [{ status: 'Ended' }, 'status'],
    [{ status: 'lost' }, 'status'],
    [{ status: 3 }, 'status'],
    [{ status: null }, 'status'],
  ])('%j is rejected at %s', (changes, path) => {
    expect(rejected(aReport(changes))).toMatchObject({ code: 'REPORT_INVALID', path })
  })

  test.each([[null], ['x'], [7], [[]], [true], [undefined]])('%j is no report', (item) => {
    expect(rejected(item)).toMatchObject({ code: 'REPORT_INVALID', path: '' })
  })

  test.each(['../a', '__proto__', 'constructor', 'a/b@c:d', 'x'.repeat(200)])('%.20s is a legal id', (jobId) => {
    expect(accepted(aReport({ jobId })).report.jobId).toBe(jobId)
  })

  test('an unusable progress still says that the task is there', () => {
    const { report, ignored } = accepted({ execId: '1', progress: 'NaN', engine: { instance: 'e' } })
    expect(report).not.toHaveProperty('progressRatio')
    expect(ignored).toEqual(['progress'])
  })

  test('without execId it is a heartbeat also when that is null', () => {
    expect(accepted({ execId: null, engine: { instance: 'e' } })).toEqual(accepted({ engine: { instance: 'e' } }))
  })

  test.each([
    [{ execId: 5 }, 'must be a string'],
    [{ jobId: 'a b' }, 'must be 1 to 200 characters of A-Z a-z 0-9 . _ : @ / -, not "a b"'],
    [{ seq: '1' }, 'must be an integer of at most 2^53 - 1'],
    [{ seq: 0 }, 'must be at least 1'],
    [{ scope: 'all' }, 'must be one of task, job, not "all"'],
    [{ scope: 3 }, 'must be a string'],
    [{ engine: { instance: 'e', incarnation: true } }, 'must be a string'],
    [{ engine: { instance: 'e', incarnation: -1 } }, 'must be at least 0'],
  ])('of %j is said what it %s', (changes, message) => {
    expect(rejected(aReport(changes)).message).toBe(message)
  })

  test('null is no news anywhere', () => {
    const nulls = Object.fromEntries(
      ['namespace', 'jobId', 'taskType', 'attempt', 'seq', 'reportedAt', 'scope', 'progress', 'progressInfo', 'resourceMap'].map(
        (key) => [key, null],
      ),
    )
    const more = {
      usage: null,
      engineTaskCounts: null,
      algorithmMetrics: null,
      attributes: null,
      metadata: null,
      error: null,
      logs: null,
    }
    const engine = { instance: 'node-07:38215', incarnation: null, engineType: null, node: null, stateSeconds: null }
    expect(accepted({ ...aReport(), ...nulls, ...more, engine })).toEqual(
      accepted({ execId: 'e-1', status: 'running', engine: { instance: 'node-07:38215' } }),
    )
  })

  test('an incarnation is kept as text', () => {
    expect(accepted(aReport({ engine: { instance: 'e', incarnation: 1_741_075_121_000 } })).report.engine.incarnation).toBe(
      '1741075121000',
    )
    expect(
      accepted(aReport({ engine: { instance: 'e', incarnation: '2025-03-04T07:58:41+02:00' } })).report.engine.incarnation,
    ).toBe('2025-03-04T07:58:41+02:00')
  })

  test('an id that would have to be derived but is too long is asked for', () => {
    expect(rejected({ execId: 'x'.repeat(150), status: 'running', engine: { instance: 'y'.repeat(150) } })).toMatchObject({
      path: 'jobId',
    })
  })
})

describe('what is dropped and noted', () => {
  test.each([
    ['"progress":-0.1', 'progress'],
    ['"progress":1.01', 'progress'],
    ['"progress":1e999', 'progress'],
    ['"progress":"0.5"', 'progress'],
    ['"usage":{"memoryBytes":-1}', 'usage.memoryBytes'],
    ['"usage":{"cpuSeconds":1e999}', 'usage.cpuSeconds'],
    ['"usage":{"gpuUtilizationRatio":80}', 'usage.gpuUtilizationRatio'],
    ['"usage":[]', 'usage'],
    ['"engineTaskCounts":{"running":1.5}', 'engineTaskCounts.running'],
    ['"reportedAt":"2025-03-04T08:00:00"', 'reportedAt'],
    ['"reportedAt":0', 'reportedAt'],
    ['"reportedAt":1e18', 'reportedAt'],
    ['"reportedAt":"2026-01-02T00:00:00Z"', 'reportedAt'],
    ['"reportedAt":"+275760-09-13T00:00:00.000Z"', 'reportedAt'],
    ['"taskType":{}', 'taskType'],
    ['"resourceMap":"none"', 'resourceMap'],
    ['"resourceMap":{"a":{"queueMemory":"12G"}}', 'resourceMap.queueMemory'],
    ['"resourceMap":{"a":7}', 'resourceMap'],
    ['"resourceMap":{"a":{"jobStatus":"DREAMING"}}', 'jobStatus'],
    ['"progressInfo":[{"totalTasks":3}]', 'progressInfo.id'],
    ['"progressInfo":[{"id":"s","totalTasks":-3}]', 'progressInfo.totalTasks'],
    ['"algorithmMetrics":{"loss":1e999}', 'algorithmMetrics.loss'],
    ['"algorithmMetrics":{"loss":"NaN"}', 'algorithmMetrics.loss'],
    ['"algorithmMetrics":{"loss":"+Inf"}', 'algorithmMetrics.loss'],
    ['"logs":[{"ts":"x","line":"l"}]', 'logs.ts'],
    ['"logs":[{"level":"LOUD","line":"l"}]', 'logs.level'],
    ['"logs":[{"line":7}]', 'logs.line'],
    ['"logs":["text"]', 'logs.line'],
    ['"foo":1', 'foo'],
    ['"a b":1', 'other'],
    ['"usage":{"foo":1}', 'usage.foo'],
    ['"__proto__":{"polluted":true}', '__proto__'],
    ['"attributes":{"__proto__":"x"}', 'attributes'],
    ['"algorithmMetrics":{"constructor":1}', 'algorithmMetrics.constructor'],
    ['"metadata":{"a":{"__proto__":{"polluted":true}}}', 'metadata'],
    ['"resourceMap":{"__proto__":{}}', 'resourceMap'],
    ['"logs":[{"line":"l","fields":{"prototype":"x"}}]', 'logs.fields'],
    ['"error":{"message":7}', 'error.message'],
    ['"error":"boom"', 'error'],
    ['"taskType":"a\\u0000b"', 'taskType'],
    ['"extraInfoMap":{"a":1},"attributes":{}', 'extraInfoMap'],
  ])('%s is noted as %s', (fields, path) => {
    const { ignored, report } = accepted(fromWire(fields))
    expect(ignored).toEqual([path])
    expect(report.status).toBe('running')
    expect({}).not.toHaveProperty('polluted')
  })

  test('opaque facts of more than 64 KiB are dropped and noted', () => {
    expect(accepted(aReport({ metadata: 'x'.repeat(70_000), lineage: ['x'] }))).toMatchObject({
      ignored: ['metadata'],
      report: { lineage: ['x'] },
    })
  })

  test('what stands beside a dropped field is kept', () => {
    const { report } = accepted(fromWire('"usage":{"cpuSeconds":3,"memoryBytes":-1,"gpuMemoryBytes":0,"x":1}'))
    expect(report.usage).toEqual({ cpuSeconds: 3, gpuMemoryBytes: 0 })
  })

  test('a negative zero is zero', () => {
    const { report } = accepted(fromWire('"progress":-0,"usage":{"memoryBytes":-0},"algorithmMetrics":{"loss":-0}'))
    expect(
      [report.progressRatio, report.usage?.memoryBytes, report.algorithmMetrics?.['loss']].map((n) => Object.is(n, 0)),
    ).toEqual([true, true, true])
  })

  test('bytes and cores stay exact', () => {
    const { report } = accepted(
      fromWire(
        '"resourceMap":{"a":{"queueMemory":68719476736,"queueCores":32,"queueInstances":8,"jobStatus":"RUNNING","queue":"q"}}',
      ),
    )
    expect(report.resources).toEqual([
      {
        applicationId: 'a',
        queueMemory: 68_719_476_736,
        queueCores: 32,
        queueInstances: 8,
        jobStatus: 'RUNNING',
        queue: 'q',
        live: true,
      },
    ])
  })

  test.each([
    ['running', true],
    ['PREP', true],
    ['', true],
    ['Accepted', true],
    ['COMPLETED', false],
    ['finished', false],
    ['KILLED', false],
    ['ERROR', false],
  ])('an application that says %j is live: %s', (jobStatus, live) => {
    expect(accepted(aReport({ resourceMap: { a: { jobStatus, queueMemory: 1 } } })).report.resources).toMatchObject([{ live }])
  })

  test('empty means none now', () => {
    expect(accepted(aReport({ resourceMap: {}, progressInfo: [], logs: [], attributes: {} })).report).toMatchObject({
      resources: [],
      progressInfo: [],
      logs: [],
      attributes: {},
    })
  })
})

describe('what has a limit', () => {
  const many = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]))

  test.each([
    ['257 metrics', { algorithmMetrics: many(257) }, 'REPORT_TOO_MANY_METRICS', 'algorithmMetrics'],
    ['1,001 log lines', { logs: Array.from({ length: 1_001 }, () => ({ line: '' })) }, 'REPORT_TOO_MANY_LINES', 'logs'],
    ['100,000 metrics', { algorithmMetrics: many(100_000) }, 'REPORT_TOO_MANY_METRICS', 'algorithmMetrics'],
    ['100,000 attributes', { attributes: many(100_000) }, 'REPORT_INVALID', 'attributes'],
    ['100,000 applications', { resourceMap: many(100_000) }, 'REPORT_INVALID', 'resourceMap'],
    ['100,000 kinds of usage', { usage: many(100_000) }, 'REPORT_INVALID', 'usage'],
    ['100,000 keys of metadata', { metadata: many(100_000) }, 'REPORT_INVALID', 'metadata'],
    ['100,000 unknown fields', many(100_000), 'REPORT_INVALID', ''],
  ])('%s reject the report', (_what, changes, code, path) => {
    expect(rejected(aReport(changes as Record<string, unknown>))).toMatchObject({ code, path })
  })

  test('just within it the report is taken whole', () => {
    const { report, ignored } = accepted(
      aReport({ algorithmMetrics: many(256), logs: Array.from({ length: 1_000 }, () => ({ line: '' })) }),
    )
    expect(Object.keys(report.algorithmMetrics ?? {})).toHaveLength(256)
    expect(report.logs).toHaveLength(1_000)
    expect(ignored).toEqual([])
  })

  test('a log line of 64 KiB stays, one byte more is cut and noted', () => {
    const lines = ['x'.repeat(65_536), 'x'.repeat(65_537)].map((line) => ({ line }))
    const { report, ignored } = accepted(aReport({ logs: lines }))
    expect(report.logs?.map(({ line }) => Buffer.byteLength(line))).toEqual([65_536, 65_533])
    expect(report.logs?.[1]?.line).toMatch(/x…\[cut \d+ bytes\]$/)
    expect(ignored).toEqual(['logs.line'])
  })

  test('an error message is cut at 8 KiB with its beginning and code kept', () => {
    const { error } = accepted(aReport({ error: { code: 40001, message: `begin ${'x'.repeat(10_000)}` } })).report
    expect(error?.code).toBe('40001')
    expect(error?.message).toMatch(/^begin x+…\[cut \d+ bytes\]$/)
    expect(Buffer.byteLength(error?.message ?? '')).toBeLessThanOrEqual(8_192)
  })

  test('a long text that may become a label is cut at 256 with a hash', () => {
    expect(accepted(aReport({ engine: { instance: 'e', user: 'u'.repeat(5_000) } })).report.engine.user).toMatch(
      /^u{247}~[0-9a-f]{8}$/,
    )
  })

  test('a limit is a setting', () => {
    const strict = reportParser({ ...defaultReportLimits, idLengthMax: 3 })
    expect(strict(aReport(), nowMs)).toMatchObject({ isValid: false, rejection: { path: 'engine.instance' } })
  })
})

describe('what is made of other spellings', () => {
  test('attributes become text', () => {
    expect(accepted(aReport({ attributes: { a: 1, b: true, c: { d: [1] }, e: null, f: 'x' } })).report.attributes).toEqual({
      a: '1',
      b: 'true',
      c: '{"d":[1]}',
      f: 'x',
    })
  })

  test('extraInfoMap is another name for attributes', () => {
    expect(accepted(aReport({ extraInfoMap: { queue: 'q' } })).report.attributes).toEqual({ queue: 'q' })
  })

  test.each([
    ['warning', 'WARN'],
    ['Critical', 'FATAL'],
    ['err', 'ERROR'],
    ['verbose', 'TRACE'],
    ['', 'INFO'],
    [undefined, 'INFO'],
  ])('level %j is %s', (level, kept) => {
    expect(accepted(aReport({ logs: [{ level, line: 'l' }] })).report.logs).toEqual([{ level: kept, line: 'l' }])
  })

  test('a line keeps its time, its rows and its flat fields', () => {
    const logs = [{ ts: '2025-03-04T08:00:05.000Z', level: 'INFO', line: 'a\n\nb', fields: { n: 1, o: { p: 2 } } }]
    expect(accepted(aReport({ logs })).report.logs).toEqual([
      { tsMs: 1_741_075_205_000, level: 'INFO', line: 'a\n\nb', fields: { n: '1', o: '{"p":2}' } },
    ])
  })

  test.each([
    ['https://user:pw@s3.example/bucket/m.pb?X-Amz-Signature=1#f', 'https://s3.example/bucket/m.pb'],
    ['/models/m.pb', '/models/m.pb'],
    ['s3://bucket/a@b', 's3://bucket/a@b'],
  ])('the address %s of a model is kept as %s', (url, bare) => {
    const algorithmMetrics = { trainOutputModelUrl: url, deployModelUrl: { url, format: 'pb' } }
    expect(accepted(aReport({ algorithmMetrics })).report.algorithmMetrics).toEqual({
      trainOutputModelUrl: bare,
      deployModelUrl: { url: bare, format: 'pb' },
    })
  })

  test('histograms and values per class come through whole', () => {
    const algorithmMetrics = {
      seconds: { count: 3, sum: 1.5, buckets: { '0.1': 1 } },
      mAP: [0.4, 0.6],
      taskStage: 'Train',
      'a-b': 1,
      le: 2,
    }
    expect(accepted(aReport({ algorithmMetrics })).report.algorithmMetrics).toEqual(algorithmMetrics)
  })

  test('one metric that is too large leaves the others', () => {
    const algorithmMetrics = { big: Array.from({ length: 20_000 }, () => 1), loss: 0.5, taskStage: 'Train' }
    expect(accepted(aReport({ algorithmMetrics })).report.algorithmMetrics).toEqual({ loss: 0.5, taskStage: 'Train' })
  })
})

describe("Linkis's own message", () => {
  const bare = (changes: Record<string, unknown> = {}, extra: Record<string, unknown> = {}) => ({
    execId: '17',
    progress: 0.42,
    progressInfo: null,
    resourceMap: {
      app: { queueMemory: 34_359_738_368, queueCores: 16, queueInstances: 0, jobStatus: 'COMPLETED', queue: 'root.etl' },
    },
    extraInfoMap: {
      engineInstance: 'node-09:40211',
      ticketId: 'd81b',
      yarnqueueName: 'root.etl',
      engineConnTaskId: 17,
      ...extra,
    },
    ...changes,
  })

  test('is mapped', () => {
    expect(accepted(bare()).report).toEqual({
      namespace: 'default',
      jobId: 'node-09:40211/17',
      isJobIdDerived: true,
      execId: '17',
      attempt: 1,
      scope: 'task',
      progressRatio: 0.42,
      engine: { instance: 'node-09:40211', node: 'node-09', ticketId: 'd81b', incarnation: 'd81b' },
      attributes: { queue: 'root.etl', engineConnTaskId: '17' },
      resources: [
        {
          applicationId: 'app',
          queueMemory: 34_359_738_368,
          queueCores: 16,
          queueInstances: 0,
          jobStatus: 'COMPLETED',
          queue: 'root.etl',
          live: true,
        },
      ],
    })
  })

  test('the ticket of an engine that is used again is no incarnation', () => {
    const { engine } = accepted(bare({}, { ticketId: 'node-09:40211' })).report
    expect(engine).toEqual({ instance: 'node-09:40211', node: 'node-09', ticketId: 'node-09:40211' })
  })

  test('an application that holds nothing any more has completed', () => {
    expect(accepted(bare({ resourceMap: { app: { jobStatus: 'COMPLETED' } } })).report.resources).toMatchObject([{ live: false }])
  })

  test('its instance must be an id', () => {
    expect(rejected(bare({}, { engineInstance: 'a b' }))).toMatchObject({ path: 'extraInfoMap.engineInstance' })
  })
})

test('a fetched message may bring lines alone', () => {
  const item = { execId: '1', engine: { instance: 'e' }, logs: [{ line: 'l' }] }
  expect(parse(item, nowMs).isValid).toBe(false)
  expect(reportParser(defaultReportLimits, { isNewsRequired: false })(item, nowMs).isValid).toBe(true)
})
