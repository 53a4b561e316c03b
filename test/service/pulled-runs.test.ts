import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { httpClient } from '../support/http.ts'
import { type Program, startProgram } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

type Job = {
  status: string
  error: { code: string } | null
  lineage: { entity: string; access: string; step: string }[]
  workflowToken: Record<string, Record<string, string>>
  tasks: { execId: string; status: string }[]
} & Record<string, unknown>

let redis: RedisServer
let aggregator: Aggregator
let folder: string
const started: Program[] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-pulled-'))
  redis = await startRedis({ appendOnly: true })
  aggregator = await startAggregator({
    redisUrl: redis.url,
    settings: { RUNTIME_INTERVAL: '200ms', RUNTIME_GRACE: '1s', LINGER: '1s', SUSPECT_AFTER: '2s', LOST_AFTER: '8s' },
  })
  await untilItOwnsAll(aggregator)
})
afterEach(async () => {
  for (const program of started.splice(0)) await program.stop(0)
})
afterAll(async () => {
  await aggregator?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const jobOf = async (id: string) => (await aggregator.http.get(`/api/v1/namespaces/default/jobs/${id}`)).json<Job>()
const untilJob = (id: string, isSo: (job: Job) => boolean) =>
  eventually(() => jobOf(id), isSo, { what: `the job ${id}`, timeoutMs: 20_000 })

async function start(args: readonly string[]): Promise<Program> {
  const program = await startProgram(process.execPath, args, { env: { ENGINESCOPE_URL: aggregator.url } })
  started.push(program)
  return program
}
const launch = (run: string, ...more: string[]) =>
  start(['dist/examples/runtime/launch.js', '--run', run, '--folder', 'examples', '--output', join(folder, run), ...more])

describe('the census', () => {
  test.each(['batch', 'per-topic'])(
    'is known of from what was fetched of it alone (%s)',
    async (mode) => {
      const run = `census-${mode}`
      const program = await launch(run, '--bytes-per-second', '100000000', '--poll-mode', mode)
      const job = await untilJob(run, ({ status }) => status === 'succeeded')
      expect(job.tasks.map(({ execId, status }) => [execId, status]).sort()).toEqual(
        ['aggregate', run, 'extract', 'join', 'parse', 'write'].map((execId) => [execId, 'succeeded']),
      )
      expect(Object.keys(job.workflowToken)).toEqual(['extract', 'parse', 'aggregate', 'join', 'write'])
      expect(job.workflowToken['write']?.['packages']).toBe(join(folder, run, 'packages.csv'))
      expect(readFileSync(join(folder, run, 'packages.csv'), 'utf8')).toMatch(/^name,version,license/)
      expect(job.lineage).toHaveLength(13)
      expect(job.lineage.at(-1)).toMatchObject({
        entity: `file:${join(folder, run, 'licenses.csv')}`,
        access: 'WRITE',
        step: 'write',
      })
      expect(await program.exited).toEqual({ code: 0, signal: null })
    },
    60_000,
  )

  test('stops when that is asked for, and says itself that it was', async () => {
    const program = await launch('census-stopped', '--bytes-per-second', '20000')
    await untilJob('census-stopped', ({ tasks = [] }) =>
      tasks.some(({ execId, status }) => execId === 'parse' && status === 'running'),
    )
    expect((await aggregator.http.post('/api/v1/runtimes/census-stopped/stop')).status).toBeLessThan(300)
    const job = await untilJob('census-stopped', ({ status }) => status === 'cancelled')
    expect(job.tasks.find(({ execId }) => execId === 'parse')?.status).toBe('cancelled')
    expect((await program.exited).code).toBe(1)
  }, 60_000)

  test('whose process is killed has failed: its launcher tells of that', async () => {
    const program = await launch('census-killed', '--bytes-per-second', '20000')
    await untilJob('census-killed', ({ tasks = [] }) => tasks.some(({ execId }) => execId === 'parse'))
    const child = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim()
    process.kill(Number(child), 'SIGKILL')
    expect((await untilJob('census-killed', ({ status }) => status === 'failed')).error?.code).toBe('RUNTIME_TERMINATED')
    expect((await program.exited).code).toBe(1)
  }, 60_000)
})

/** Starts an engine that does the same whichever way it reports. @param end what it does at last */
const runScript = (mode: string, run: string, end: string) =>
  start([
    '--input-type=module',
    '-e',
    `
    import { createReporter } from './dist/reporter/index.js'
    const scope = createReporter({
      url: process.env.ENGINESCOPE_URL, mode: '${mode}', measureUsage: false, engine: { engineType: 'etl', instance: '${run}' },
      runtime: { token: 'not-a-real-token', listen: { portFile: '${join(folder, run)}' } },
    })
    const run = scope.program({ application: 'etl', version: '1.0', type: 'Workflow', program: 'daily', run: '${run}' })
    run.move('STARTING')
    run.move('RUNNING')
    run.metadata({ tags: ['nightly'], owner: 'a' })
    run.metadata({ owner: 'b' })
    const task = run.task({ execId: 'clean-1', taskType: 'sql' })
    task.update({ progress: 0.5, progressInfo: [{ id: 'map', totalTasks: 4, runningTasks: 1, failedTasks: 0, succeedTasks: 2 }] })
    task.log('WARN', '12 rows rejected', { step: 'clean' })
    run.lineage([{ entity: 'a', access: 'READ' }, { entity: 'b', access: 'WRITE' }])
    run.lineage([{ entity: 'a', access: 'READ' }])
    run.workflowToken({ clean: { rowsRead: '20000' } })
    await task.finish()
    ${end}`,
  ])

test('what is fetched leaves the job as what is pushed does', async () => {
  const end = "void run.fail(Object.assign(new Error('disk full'), { code: 'java.io.IOException' })); await scope.close()"
  await Promise.all([runScript('push', 'run-push', end), runScript('pull', 'run-pull', end)])
  const [pushed, pulled] = await Promise.all(
    ['run-push', 'run-pull'].map((run) => untilJob(run, ({ status }) => status === 'failed')),
  )
  // Who says it and when differs; statuses in CDAP's words have no number and name no facts of the engine.
  const apart = ['incarnation', 'engine', 'timestamps', 'durations', 'eta', 'etaSeconds', 'seq']
  const asSaid = (job: Job | undefined) => {
    const sorted = { ...job, tasks: job?.tasks.toSorted((a, b) => a.execId.localeCompare(b.execId)) }
    const text = JSON.stringify(sorted).replaceAll(/run-pu(sh|ll)/g, 'run-1')
    return JSON.parse(text, (key, value: unknown) => (apart.includes(key) ? key : value))
  }
  expect(asSaid(pulled)).toEqual(asSaid(pushed))
  expect(pulled).toMatchObject({ error: { code: 'java.io.IOException' }, metadata: { tags: ['nightly'], owner: 'b' } })
}, 60_000)

test('a report that comes both ways counts once', async () => {
  await runScript('pull', 'run-both', 'setInterval(() => {}, 1000)')
  const port = await eventually(() => readFileSync(join(folder, 'run-both'), 'utf8').trim())
  const runtime = httpClient(`http://127.0.0.1:${port}`, { token: 'not-a-real-token' })
  const messages = await eventually(
    async () => {
      const answer = await runtime.get('/v1/runtime/topics/task.running/messages')
      const body = answer.json<{ topics: Record<string, { messages: { message: { status: string } }[] }> }>()
      const found = body.topics['task.running']?.messages.map(({ message }) => message) ?? []
      return found
    },
    (found) => found.some(({ status }) => status === 'succeeded'),
  )
  const taskOf = ({ tasks = [] }: Job) => tasks.find(({ execId }) => execId === 'clean-1')
  const before = await untilJob('run-both', (job) => taskOf(job)?.status === 'succeeded')
  const answer = await aggregator.http.post('/api/v1/reports', messages)
  expect(answer.json()).toMatchObject({ applied: 0, duplicate: messages.length, rejected: 0 })
  expect(taskOf(await jobOf('run-both'))).toEqual(taskOf(before))
  const logs = await aggregator.http.get('/api/v1/namespaces/default/jobs/run-both/logs')
  expect(logs.json<{ lines: { line: string }[] }>().lines.map(({ line }) => line)).toEqual(['12 rows rejected'])
}, 60_000)
