import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { httpClient } from './support/http.ts'
import { type Program, startEnginescope } from './support/process.ts'

type Addresses = { aggregator: string; prometheus: string | null; redis: string }
type Learner = { algorithmMetrics: { aggregationNo?: number; aggregatedLoss?: number } }
type Job = { jobId: string; status: string; progress: number; error?: { message?: string } }

let data: string
const programs: Program[] = []
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'enginescope-demo-'))
})
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop(20_000)
  rmSync(data, { recursive: true, force: true })
})

async function start(...args: string[]): Promise<{ program: Program; addresses: Addresses }> {
  const program = await startEnginescope([...args, '--data', data, '--output', 'json', '--port', '0'])
  programs.push(program)
  return { program, addresses: JSON.parse(await program.waitForLine(/^\{"aggregator"/, 60_000)) }
}
const childrenOf = (): number[] => {
  const mark: { children: { pid: number }[] } = JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8'))
  return mark.children.map(({ pid }) => pid)
}
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('up is ready when it says so, and Ctrl-C takes everything down', async () => {
  const { program, addresses } = await start('up')
  expect((await httpClient(addresses.aggregator).get('/-/ready')).status).toBe(200)
  const children = childrenOf()
  expect(children.filter(isAlive)).toEqual(children)
  program.kill('SIGINT')
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(children.filter(isAlive)).toEqual([])
}, 60_000)

test('what was reported is there again after the stack was killed and started anew', async () => {
  const first = await start('up')
  const report = {
    jobId: 'kept',
    execId: 'e1',
    status: 'running',
    progress: 0.5,
    engine: { instance: 'n1:1', engineType: 'spark' },
  }
  expect((await httpClient(first.addresses.aggregator).post('/api/v1/reports', report)).status).toBe(200)
  const children = childrenOf()
  first.program.kill('SIGKILL')
  await eventually(() => children.filter(isAlive).length === 0, undefined, { what: 'the children to end with their parent' })
  const second = await start('up')
  const job = await httpClient(second.addresses.aggregator).get('/api/v1/namespaces/default/jobs/kept')
  expect(job.json<Job>()).toMatchObject({ jobId: 'kept', progress: 0.5 })
}, 90_000)

test('a configuration that cannot be used is refused with every fault and exit 78, before anything starts', async () => {
  const program = await startEnginescope(['up', '--data', data, '--linger', 'soon', '--host', '0.0.0.0'])
  expect(await program.exited).toEqual({ code: 78, signal: null })
  expect(program.stderr()).toContain('fault    --linger: linger must be a duration')
  expect(program.stderr()).toContain('fault    --host: 0.0.0.0 can be reached from other machines')
})

test('the demo shows a job of each ending, an idle engine, learners that get better, a flow, and Prometheus sees them', async () => {
  const { program, addresses } = await start('demo')
  const client = httpClient(addresses.aggregator)
  const jobs = async () => (await client.get('/api/v1/jobs')).json<{ jobs: Job[] }>().jobs
  const find = async (kind: string, status: string): Promise<Job> => {
    const found = (await jobs()).find((job) => job.jobId.startsWith(kind) && job.status === status)
    if (found === undefined) throw new Error(`no ${kind} is ${status}\n${program.stderr()}`)
    return found
  }
  const job = (kind: string, status: string) =>
    eventually(() => find(kind, status), undefined, { what: `${kind} to be ${status}`, timeoutMs: 60_000, everyMs: 250 })
  const running = await job('word-count-', 'running')
  expect(running.progress).toBeLessThan(1)
  const [failed, cancelled] = await Promise.all([
    job('restore-', 'failed'),
    job('primes-', 'cancelled'),
    job('compress-', 'succeeded'),
  ])
  expect(cancelled.progress).toBeGreaterThanOrEqual(0.1)
  expect(cancelled.progress).toBeLessThan(0.5)
  const { lines } = (await client.get(`/api/v1/namespaces/default/jobs/${failed.jobId}/logs`)).json<{
    lines: { line: string }[]
  }>()
  expect(lines.map(({ line }) => line).join('\n')).toContain('unexpected end of file')
  expect((await job('word-count-', 'succeeded')).progress).toBe(1)
  const lossAfter = async (rounds: number) => {
    const { jobId } = await job('federated-', 'running')
    const { tasks } = (await client.get(`/api/v1/namespaces/default/jobs/${jobId}`)).json<{ tasks: Learner[] }>()
    const metrics = tasks.map(({ algorithmMetrics }) => algorithmMetrics)
    return metrics.find(({ aggregationNo = 0 }) => aggregationNo >= rounds)?.aggregatedLoss
  }
  const firstLoss = await eventually(() => lossAfter(1), undefined, { what: 'a first round', timeoutMs: 30_000 })
  const laterLoss = await eventually(() => lossAfter(2), undefined, { what: 'a second round', timeoutMs: 30_000 })
  expect(laterLoss).toBeLessThanOrEqual(firstLoss ?? 0)
  await Promise.all([job('incremental-', 'running'), job('joint-', 'running')])
  const ran = async () => (await client.get('/api/v1/jobs?taskType=hub_process&status=succeeded')).json<{ jobs: Job[] }>().jobs[0]
  const flow = await eventually(ran, undefined, { what: 'a flow to be done', timeoutMs: 60_000, everyMs: 250 })
  const { tasks } = (await client.get(`/api/v1/namespaces/default/jobs/${flow?.jobId}`)).json<{ tasks: { execId: string }[] }>()
  const nodes = ['join', 'load', 'stats', 'train'].map((node) => `${flow?.jobId}/${node}`)
  expect(tasks.map(({ execId }) => execId).toSorted()).toEqual([`${flow?.jobId}`, ...nodes])
  const { jobId: census } = await job('census-', 'succeeded')
  const { workflowToken } = (await client.get(`/api/v1/namespaces/default/jobs/${census}`)).json<{ workflowToken: object }>()
  expect(Object.keys(workflowToken)).toEqual(['extract', 'parse', 'aggregate', 'join', 'write'])
  const engines = (await client.get('/api/v1/engines')).text
  for (const name of ['standby-1', 'word-count-worker-1', 'word-count-worker-3', 'demo-hub', 'demo-dispatcher'])
    expect(engines).toContain(name)
  if (addresses.prometheus !== null) {
    const prometheus = httpClient(addresses.prometheus)
    const query = encodeURIComponent('sum(enginescope_tasks_finished_total{status="cancelled"}) >= 1')
    const answer = () => prometheus.get(`/api/v1/query?query=${query}`)
    await eventually(async () => (await answer()).json<{ data: { result: unknown[] } }>().data.result.length > 0, undefined, {
      timeoutMs: 30_000,
    })
  }
  program.kill('SIGINT')
  expect(await program.exited).toEqual({ code: 0, signal: null })
}, 180_000)
