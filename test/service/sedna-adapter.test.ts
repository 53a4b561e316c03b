import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAggregator } from '../support/aggregator.ts'
import { samplesOf } from '../support/prometheus-text.ts'
import { anId, aStand, jobOf, send, seriesBy, seriesOf } from '../support/reporting.ts'

type Message = { name: string; namespace: string; ownerName: string; ownerKind: string } & Record<string, unknown>
type Case = {
  readonly title: string
  readonly request: { readonly path: string; readonly body: Message }
  readonly answer: { readonly status: number; readonly code?: string; readonly path?: string }
  readonly report?: {
    readonly status: string
    readonly algorithmMetrics: object
    readonly attributes: object
    readonly taskType: string
  }
  readonly effect?: {
    readonly scoresOfClassAll?: Readonly<Record<string, Readonly<Record<string, number>>>>
    readonly absentSeries?: readonly string[]
  }
}

const { cases } = JSON.parse(readFileSync(new URL('../fixtures/sedna/worker-messages.json', import.meta.url), 'utf8')) as {
  cases: readonly Case[]
}

const stand = aStand({ SEDNA_ADAPTER: 'on', SEDNA_MINING_FIRST: 'default/mined-first' })
const tell = (path: string, body: unknown) => stand.aggregator.http.post(path, body)

const canonical = { Running: 'running', Completed: 'succeeded' } as const

describe('each message of the fixture', () => {
  test.each(cases.map((each) => [each.title, each] as const))('%s', async (_title, { request, answer, report, effect }) => {
    // One case after the other in one namespace of its own: later ones go on from earlier ones only where the job is the same.
    const said = await tell(request.path, request.body)
    expect(said.status, said.text).toBe(answer.status)
    if (report === undefined) {
      expect(said.json()).toMatchObject({ error: { code: answer.code, path: answer.path } })
      return
    }
    expect(said.json()).toMatchObject({ applied: 1 })
    const job = await jobOf(stand.aggregator, request.body.ownerName)
    expect(job).toMatchObject({ taskType: report.taskType, attributes: report.attributes })
    const task = job.tasks.find(({ execId }) => execId === request.body.name)
    expect(task).toMatchObject({
      status: canonical[report.status as 'Running'],
      engine: { instance: `default/${request.body.name}`, engineType: 'sedna', incarnation: null },
      algorithmMetrics: report.algorithmMetrics,
      seq: null,
    })
    const families = await stand.aggregator.metrics()
    for (const name of effect?.absentSeries ?? [])
      expect(samplesOf(families, name, { job_id: request.body.ownerName })).toEqual([])
    for (const [model, scores] of Object.entries(effect?.scoresOfClassAll ?? {}))
      expect(
        await seriesBy(stand.aggregator, 'enginescope_incremental_learning_model_score_ratio', 'metric', { model, class: 'all' }),
      ).toEqual(scores)
  })
})

const message = (jobId: string, inferenceNumber: number, hardExampleNumber: number, worker = `${jobId}-worker`) => ({
  name: worker,
  namespace: 'default',
  ownerName: jobId,
  ownerKind: 'jointinferenceservice',
  kind: 'inference',
  results: [],
  ownerInfo: { inferenceNumber, hardExampleNumber, uploadCloudRatio: 0.9 },
})
const tellNumbers = async (jobId: string, all: number, hard: number) => {
  const said = await tell(`/sedna/workers/${jobId}-worker/info`, message(jobId, all, hard))
  expect(said.status, said.text).toBe(200)
}

async function countsOf(jobId: string) {
  const of = (name: string, labels = {}) =>
    seriesOf(stand.aggregator, `enginescope_joint_inference_${name}`, { job_id: jobId, ...labels })
  return {
    edge: await of('job_inferences_total', { location: 'edge' }),
    cloud: await of('job_inferences_total', { location: 'cloud' }),
    hard: await of('job_hard_samples_total'),
    samples: await of('job_samples_total'),
  }
}

test('hard samples, which Sedna counts twice, are counted once', async () => {
  await tellNumbers('once', 118, 18)
  await tellNumbers('once', 236, 36)
  expect(await countsOf('once')).toEqual({ edge: 200, cloud: 36, hard: 36, samples: 200 })
})

test('a service that mines first has seen every sample, whether it was inferred at the edge or not', async () => {
  await tellNumbers('mined-first', 118, 18)
  expect(await countsOf('mined-first')).toEqual({ edge: 100, cloud: 18, hard: 18, samples: 118 })
})

test('two numbers that were read a moment apart are no restart; a true one adds everything again', async () => {
  await tellNumbers('wobble', 118, 18)
  await tellNumbers('wobble', 118, 19)
  await tellNumbers('wobble', 119, 19)
  expect(await countsOf('wobble')).toEqual({ edge: 100, cloud: 19, hard: 19, samples: 100 })
  await tellNumbers('wobble', 12, 2)
  expect(await countsOf('wobble')).toEqual({ edge: 110, cloud: 21, hard: 21, samples: 110 })
})

test('a worker that reports by itself is not counted a second time by its native messages', async () => {
  const jobId = anId('both')
  await send(stand.aggregator, {
    jobId,
    execId: `${jobId}-worker`,
    taskType: 'joint_inference',
    seq: 1,
    status: 'running',
    engine: { instance: 'own-reporter', engineType: 'sedna' },
    algorithmMetrics: { workerRole: 'edge_inference', edgeInferenceCount: 10 },
  })
  const said = await tell(`/sedna/workers/${jobId}-worker/info`, message(jobId, 500, 100))
  expect(said.json()).toMatchObject({ applied: 0, stale: 1 })
  expect((await countsOf(jobId)).edge).toBe(10)
})

test('a message that cannot be read is refused in JSON, and the route is not there where it is switched off', async () => {
  expect((await tell('/sedna/workers/w/info', [])).status).toBe(200)
  expect((await tell('/sedna/workers/w/info', 7)).status).toBe(400)
  expect((await tell('/sedna/workers/w/other', {})).json()).toMatchObject({ error: { code: 'NOT_FOUND' } })
  const plain = await startAggregator({ redisUrl: stand.redis.url })
  try {
    expect((await plain.http.post('/sedna/workers/w/info', message('off', 1, 0, 'w'))).status).toBe(404)
  } finally {
    await plain.stop()
  }
})

describe('with a Local Controller behind it', () => {
  let controller: Server
  const received: { path: string; body: string }[] = []
  beforeAll(async () => {
    controller = createServer((req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', () => {
        received.push({ path: req.url ?? '', body: Buffer.concat(chunks).toString() })
        res.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"OK","message":"from the controller"}')
      })
    })
    await new Promise<void>((resolve) => controller.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => void controller?.close())

  test('each message reaches it as it came, and its answer goes back', async () => {
    const forwarding = await startAggregator({
      redisUrl: stand.redis.url,
      settings: {
        SEDNA_ADAPTER: 'on',
        SEDNA_FORWARD_URL: `http://127.0.0.1:${(controller.address() as AddressInfo).port}`,
      },
    })
    try {
      const body = message('passed-on', 20, 5)
      const said = await forwarding.http.post('/sedna/workers/passed-on-worker/info', body)
      expect([said.status, said.json()]).toEqual([200, { status: 'OK', message: 'from the controller' }])
      expect(received).toEqual([{ path: '/sedna/workers/passed-on-worker/info', body: JSON.stringify(body) }])
      expect((await jobOf(stand.aggregator, 'passed-on')).algorithmMetrics).toMatchObject({ edgeInferenceCount: 15 })
      controller.close()
      controller.closeAllConnections()
      const unreachable = await forwarding.http.post('/sedna/workers/passed-on-worker/info', body)
      expect([unreachable.status, unreachable.json<{ error: { code: string } }>().error.code]).toEqual([503, 'FORWARD_FAILED'])
    } finally {
      await forwarding.stop()
    }
  })
})
