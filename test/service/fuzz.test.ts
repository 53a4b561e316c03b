import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Aggregator } from '../support/aggregator.ts'
import { parsePrometheusText } from '../support/prometheus-text.ts'
import { anId, aReport, aStand, send } from '../support/reporting.ts'

/** Bodies tried; `ENGINESCOPE_TEST_FUZZ_BODIES=1000000` for the long form. */
const bodies = Number(process.env['ENGINESCOPE_TEST_FUZZ_BODIES'] ?? 4_000)
const itemsPerBody = 4
const stand = aStand({ OPEN_JOBS_MAX: '2000', TASK_SERIES_MAX: '200', SUSPECT_AFTER: '300ms', LOST_AFTER: '1s', RETENTION: '2s' })

const id = fc.oneof(fc.constantFrom('a', 'b', 'c/d', '..', 'x:1', '__proto__', 'constructor'), fc.string({ maxLength: 30 }))
const number = fc.oneof(fc.integer({ min: -2, max: 12 }), fc.double(), fc.constantFrom(2 ** 53, -0, 1e308, 5e-324))
const anything = fc.anything({ maxDepth: 3, maxKeys: 4, withNullPrototype: false })
const wild = <T>(sane: fc.Arbitrary<T>) => fc.oneof({ weight: 6, arbitrary: sane }, { weight: 1, arbitrary: anything })
const labelText = fc.oneof(fc.constantFrom('sql', 'spark', 'training'), fc.string({ unit: 'binary', maxLength: 40 }))
const time = fc.oneof(
  fc.integer(),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.string(),
)
const numbers = fc.dictionary(fc.string({ maxLength: 12 }), wild(number), { maxKeys: 4 })
const status = fc.constantFrom('Running', 'SUCCEED', 'failed', 'KILLED', 'inited', 'lost', 'Waiting', 'nonsense')
const subtask = fc.record({ id, totalTasks: number, runningTasks: number, failedTasks: number, succeedTasks: number })
const application = fc.record({
  queueMemory: number,
  queueCores: number,
  queueInstances: number,
  jobStatus: labelText,
  queue: id,
})
const line = fc.record(
  { ts: time, level: labelText, line: fc.string({ unit: 'binary' }), fields: anything },
  { requiredKeys: [] },
)
const engine = fc.record(
  {
    instance: wild(id),
    engineType: wild(labelText),
    incarnation: wild(fc.oneof(time, fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'))),
    node: wild(labelText),
    user: wild(labelText),
    stateSeconds: wild(numbers),
  },
  { requiredKeys: ['instance'] },
)

/** Shaped like a report, with each part now and then of another kind. */
const report = fc.record(
  {
    namespace: wild(fc.constantFrom('default', 'team')),
    jobId: wild(id),
    execId: wild(id),
    taskType: wild(labelText),
    attempt: wild(fc.integer({ min: 1, max: 3 })),
    seq: wild(fc.integer({ min: 1, max: 9 })),
    reportedAt: wild(time),
    status: wild(status),
    scope: wild(fc.constantFrom('task', 'job')),
    progress: wild(fc.double({ min: 0, max: 1, noNaN: true })),
    progressInfo: wild(fc.array(wild(subtask), { maxLength: 3 })),
    resourceMap: wild(fc.dictionary(id, wild(application), { maxKeys: 3 })),
    usage: wild(numbers),
    engineTaskCounts: wild(fc.record({ running: number, pending: number, succeeded: number, failed: number, limit: number })),
    algorithmMetrics: wild(numbers),
    attributes: wild(fc.dictionary(fc.string(), labelText, { maxKeys: 4 })),
    metadata: anything,
    lineage: anything,
    workflowToken: anything,
    error: wild(fc.record({ code: anything, message: anything })),
    logs: wild(fc.array(wild(line), { maxLength: 3 })),
    engine: wild(engine),
    extraInfoMap: fc.oneof(fc.constant(undefined), fc.record({ engineInstance: id, ticketId: id })),
  },
  { requiredKeys: ['engine'] },
)

const jsonOf = (value: unknown) => JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? String(inner) : inner))

/** JSON as it is, cut, or with a byte changed. */
const body = fc
  .tuple(fc.array(report, { minLength: 1, maxLength: itemsPerBody }), fc.nat(), fc.integer({ min: 0, max: 39 }))
  .map(([items, at, mishap]) => {
    const bytes = Buffer.from(jsonOf(items.length === 1 ? items[0] : items))
    if (mishap === 0) return bytes.subarray(0, at % bytes.length)
    if (mishap === 1) bytes[at % bytes.length] = at % 256
    return bytes
  })

/** What the service says of a fault of its own, which ends it. */
async function faultOf({ program }: Aggregator): Promise<string> {
  await program.waitForLine(/a fault of our own/, 2_000).catch(() => undefined)
  return program.stdout().slice(-4_000)
}

test(`${bodies} bodies shaped like reports, each part now and then of another kind: never a 5xx, never an exit, always an exposition that parses`, async () => {
  const { aggregator } = stand
  const statuses = new Map<number, number>()
  let exited = false
  void aggregator.program.exited.then(() => {
    exited = true
  })
  let sent = 0
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 8, maxLength: 8 }), async (batch) => {
      const answers = await Promise.all(batch.map((bytes) => aggregator.http.post('/api/v1/reports', bytes)))
      sent += batch.length
      for (const { status: code, text } of answers) {
        // Turned away unread on a loaded machine: nothing that the body did.
        const isBusy = code === 503 && text.includes('"BUSY"')
        statuses.set(code, (statuses.get(code) ?? 0) + 1)
        if (code >= 500 && !isBusy) throw new Error(`${code} ${text}\n${await faultOf(aggregator)}`)
        JSON.parse(text)
      }
      if (sent % 800 === 0) parsePrometheusText((await aggregator.http.get('/metrics')).text)
    }),
    { numRuns: Math.ceil(bodies / 8), endOnFailure: true },
  )
  parsePrometheusText((await aggregator.http.get('/metrics')).text)
  expect(exited).toBe(false)
  expect(statuses.get(200) ?? 0, 'many of them are taken').toBeGreaterThan(bodies / 10)
  expect(await send(aggregator, aReport({ namespace: 'calm', jobId: anId('after') }))).toMatchObject({ applied: 1 })
  for (const path of ['/api/v1/jobs?limit=500', '/api/v1/engines?limit=500']) {
    expect((await aggregator.http.get(path)).status).toBe(200)
  }
  expect(aggregator.program.stdout()).not.toContain('fault of our own')
}, 3_600_000)
