import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openTestStore } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { execFrom, jobFrom } from './store/record-text.ts'

const numRuns = Number(process.env['ENGINESCOPE_MODEL_RUNS'] ?? 60)
const suite = jobSuite()
const beganAtMs = Date.UTC(2025, 2, 4, 8)

/** How a task comes along from one report to the next: what is reported is whole and only grows, as a reporter sends it. */
const aStage = fc.record({
  afterMs: fc.integer({ min: 0, max: 20_000 }),
  progress: fc.integer({ min: 0, max: 30 }),
  cpuSeconds: fc.integer({ min: 0, max: 10 }),
  seenCount: fc.integer({ min: 0, max: 10 }),
  memory: fc.integer({ min: 1, max: 99 }),
  lines: fc.array(fc.constantFrom('a', '', 'two\nrows'), { maxLength: 3 }),
})

const aRun = fc.record({
  stages: fc.array(aStage, { minLength: 1, maxLength: 8 }),
  waits: fc.boolean(),
  end: fc.constantFrom('succeeded', 'failed', 'cancelled', undefined),
  error: fc.boolean(),
})

type Run = typeof aRun extends fc.Arbitrary<infer T> ? T : never

function reportsOf({ stages, waits, end, error }: Run): Record<string, unknown>[] {
  let [atMs, progress, cpuSeconds, seenCount] = [beganAtMs, 0, 0, 0]
  return stages.map((stage, i) => {
    atMs += stage.afterMs
    // A 1 that comes with a failure is not real, and an overtaken report brings no progress.
    progress = Math.min(99, progress + stage.progress)
    cpuSeconds += stage.cpuSeconds
    seenCount += stage.seenCount
    const isLast = i === stages.length - 1
    const open = waits && i === 0 ? 'scheduled' : 'running'
    return {
      jobId: 'j1',
      execId: 't1',
      taskType: 'sql',
      seq: i + 1,
      reportedAt: atMs,
      status: isLast && end !== undefined ? end : open,
      progress: progress / 100,
      progressInfo: [{ id: 's', totalTasks: 100, runningTasks: 1, failedTasks: 0, succeedTasks: progress }],
      resourceMap: { app: { queueMemory: stage.memory, queueCores: 1, queueInstances: 1, jobStatus: 'RUNNING', queue: 'q' } },
      usage: { cpuSeconds, memoryBytes: stage.memory },
      algorithmMetrics: { epoch: i, seenCount },
      attributes: { at: String(i) },
      metadata: { at: i },
      ...(isLast && end === 'failed' && error ? { error: { code: 'E', message: 'm' } } : {}),
      engine: { instance: 'e1:1', engineType: 'spark', incarnation: 'a', node: 'n' },
      engineTaskCounts: { succeeded: seenCount },
      logs: stage.lines.map((line, n) => ({ line, ts: atMs + n })),
    }
  })
}

/** All that is stored of the task, but for when and in which order its reports came. */
async function ended() {
  const shard = suite.keys.shardOfJob('default', 'j1')
  const fields = await suite.redis.hgetall(suite.keys.job(shard, 'default', 'j1'))
  const job = jobFrom([fields['job'], fields['n']]) ?? {}
  const [task] = Object.values(execFrom([fields['t:t1'], fields['n:t1']])?.current ?? {})
  const outbox = (await suite.outbox()).filter((entry) => entry.isOwn !== true)
  // How long the job took is told as it is known when its end arrives; reports that come later may yet move its start.
  const own = (await suite.outbox()).filter((entry) => entry.isOwn === true).map((entry) => entry.lines[0]?.[3]?.['status'])
  return {
    job: withoutArrival(job),
    task: withoutArrival(task ?? {}),
    finished: (await suite.engine())?.finished,
    totals: await suite.totals(),
    lines: outbox.flatMap((entry) => entry.lines.map((line) => JSON.stringify([entry.task, entry.attempt, line]))).sort(),
    own,
  }
}

const arrival = new Set([
  'engineStampUs',
  'tailNo',
  'lastReportAtMs',
  'firstArrivalAtMs',
  'lastSampleAtMs',
  'lastSampleStatus',
  'pace',
])

function withoutArrival(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !arrival.has(name) && !name.endsWith('ArrivalAtMs')))
}

const aCase = aRun.chain((run) => {
  const places = run.stages.map((_, i) => i)
  return fc.record({
    run: fc.constant(run),
    order: fc.shuffledSubarray(places, { minLength: places.length, maxLength: places.length }),
    repeats: fc.array(fc.nat({ max: places.length - 1 }), { maxLength: 4 }),
    replicas: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    isBatch: fc.boolean(),
  })
})

test('the order in which the reports of an attempt arrive changes neither its end, nor totals, nor lines', async () => {
  await fc.assert(
    fc.asyncProperty(aCase, async ({ run, order, repeats, replicas, isBatch }) => {
      const reports = reportsOf(run)
      await suite.redis.flushall()
      const inOrder = suite.reopen()
      for (const report of reports) await inOrder.send(report)
      const expected = await ended()

      await suite.redis.flushall()
      const [one, other] = [suite.reopen(), openTestStore(suite.redis, { time: suite.store.time })]
      const arriving = [...order, ...repeats].map((i) => reports[i])
      if (isBatch) await Promise.all([one.send(...arriving), other.send(...arriving)])
      else for (const [i, report] of arriving.entries()) await (replicas[i % replicas.length] ? one : other).send(report)
      expect(await ended()).toEqual(expected)
    }),
    { numRuns, endOnFailure: process.env['ENGINESCOPE_MODEL_SHRINK'] === undefined },
  )
}, 1_000_000)
