import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { startEnginescope } from '../support/process.ts'
import { samplesOf, sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

const prefix = 'enginescope_video_transcode_'

let redis: RedisServer
let aggregator: Aggregator
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-types-'))
  redis = await startRedis()
  aggregator = await startAggregator({ redisUrl: redis.url, settings: { TASK_TYPES: 'examples/task-types.yaml' } })
})
afterAll(async () => {
  await aggregator?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function say(jobId: string, algorithmMetrics: object, changes: object = {}, engine: object = {}): Promise<void> {
  const report = {
    jobId,
    execId: 'main',
    taskType: 'video_transcode',
    status: 'running',
    engine: { instance: 'n1:1', engineType: 'ffmpeg', incarnation: '2025-03-04T08:00:00Z', ...engine },
    algorithmMetrics,
    ...changes,
  }
  const answer = await aggregator.http.post('/api/v1/reports', report)
  expect(answer.status, answer.text).toBe(200)
}
const value = async (name: string, labels: Record<string, string>) =>
  sampleValue(await aggregator.metrics(), `${prefix}${name}`, labels)

test('a declared type has series with names, units, states and facts of its own', async () => {
  await say('first', {
    framesDone: 120,
    bitrateKbps: 4500.5,
    outputBytes: 68719476736,
    phase: 'Encoding',
    codec: 'av1',
    resolution: '1920x1080',
    segmentsFromCache: 2,
    gop: 48,
  })
  const families = await aggregator.metrics()
  const of = (name: string, labels = {}) => sampleValue(families, `${prefix}${name}`, { job_id: 'first', ...labels })
  expect(families.get(`${prefix}frames_total`)).toMatchObject({ type: 'counter', help: 'Frames that were transcoded.' })
  expect([of('frames_total'), of('bitrate'), of('output_bytes')]).toEqual([120, 4500.5, 68719476736])
  expect([of('segments_total', { cache: 'hit' }), of('segments_total', { cache: 'miss' })]).toEqual([2, 0])
  const phases = samplesOf(families, `${prefix}phase`, { job_id: 'first' }).map(({ labels, value }) => [labels['phase'], value])
  expect(phases.sort()).toEqual([
    ['decoding', 0],
    ['encoding', 1],
    ['packaging', 0],
    ['probing', 0],
  ])
  expect(of('output_info', { codec: 'av1', resolution: '1920x1080' })).toBe(1)
  const others = samplesOf(families, 'enginescope_task_metric', { job_id: 'first' })
  expect(others.map(({ labels, value }) => [labels['name'], value])).toEqual([['gop', 48]])
  expect(samplesOf(families, `${prefix}frames_total`).every(({ labels }) => labels['instance'] === '')).toBe(true)
})

test('a counter is the maximum of each start of its worker, added up, whatever comes late, twice or negative', async () => {
  const job = { job_id: 'counted' }
  await say('counted', { framesDone: 100 }, { seq: 1 })
  await say('counted', { framesDone: 300 }, { seq: 3 })
  await say('counted', { framesDone: 200 }, { seq: 2 })
  await say('counted', { framesDone: 300 }, { seq: 3 })
  await say('counted', { framesDone: -5 }, { seq: 4 })
  expect(await value('frames_total', job)).toBe(300)
  await say('counted', { framesDone: 50 }, { seq: 1 }, { incarnation: '2025-03-04T09:00:00Z' })
  expect(await value('frames_total', job)).toBe(350)
  await say('counted', { framesDone: 10 }, { attempt: 2 }, { incarnation: '2025-03-04T09:00:00Z' })
  expect(await value('frames_total', job)).toBe(360)
  const answer = await aggregator.http.get('/api/v1/namespaces/default/jobs/counted')
  expect(answer.json<{ algorithmMetrics: object }>().algorithmMetrics).toMatchObject({ framesDone: 360 })
})

test('a state moves on, and facts replace one another', async () => {
  const job = { job_id: 'moving' }
  await say('moving', { framesDone: 1 })
  expect(await value('phase', { ...job, phase: 'probing' })).toBeUndefined()
  await say('moving', { phase: 'probing', codec: 'h264' })
  await say('moving', { phase: 'PACKAGING', codec: 'av1' })
  expect(await value('phase', { ...job, phase: 'probing' })).toBe(0)
  expect(await value('phase', { ...job, phase: 'packaging' })).toBe(1)
  expect(samplesOf(await aggregator.metrics(), `${prefix}output_info`, job).map(({ labels }) => labels['codec'])).toEqual(['av1'])
  await say('moving', { phase: 'daydreaming' })
  expect(await value('phase', { ...job, phase: 'packaging' })).toBeUndefined()
})

test('a file with faults is refused with all of them, by check-config and at the start, with code 78', async () => {
  const path = join(folder, 'types.yaml')
  writeFileSync(
    path,
    `taskTypes:
  - name: engine
    title: Taken
  - name: mine
    title: Mine
    metrics:
      - { name: loss, field: loss, type: gauge, unit: parsecs, help: A loss. }
      - { name: steps, field: loss, type: counter, help: Steps. }
`,
  )
  for (const command of ['check-config', 'serve']) {
    const program = await startEnginescope([command], {
      env: { ENGINESCOPE_TASK_TYPES: path, ENGINESCOPE_REDIS_URL: redis.url, ENGINESCOPE_PORT: '0' },
    })
    expect((await program.exited).code).toBe(78)
    const said = program.stderr().match(/types\.yaml:\d+: .*/g)
    expect(said, command).toEqual([
      'types.yaml:2: taskTypes[0].name engine is kept for series of Enginescope itself',
      'types.yaml:7: taskTypes[1].metrics[0].unit must be one of count, seconds, timestamp, bytes, ratio, cores, flag',
      'types.yaml:8: taskTypes[1].metrics[1].name steps must end in _total',
      'types.yaml:8: taskTypes[1].metrics[1].field loss is used before in this type',
    ])
  }
})
