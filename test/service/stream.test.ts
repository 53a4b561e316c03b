import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EventStream, openEventStream } from '../support/event-stream.ts'
import { anId, aReport, aStand, send } from '../support/reporting.ts'

const stand = aStand()
const openStreams: EventStream[] = []
const open = async (query = '') => {
  const stream = await openEventStream(`${stand.aggregator.url}/api/v1/stream${query}`)
  openStreams.push(stream)
  return stream
}
let quiet: EventStream
beforeAll(async () => {
  quiet = await open('?namespace=nobody')
}, 120_000)
afterAll(() => Promise.all(openStreams.map((stream) => stream.close())))

const line = (text: string) => ({ level: 'INFO', line: text })
const linesOf = (stream: EventStream) =>
  stream.events
    .filter(({ event }) => event === 'log')
    .flatMap(({ data }) => (data['lines'] as { line: string }[]).map((each) => each.line))

test('who looks on sees jobs and engines change as reports come in', async () => {
  const stream = await open()
  expect([stream.status, stream.contentType]).toEqual([200, 'text/event-stream; charset=utf-8'])
  const [jobId, instance] = [anId('job'), anId('engine')]
  await send(stand.aggregator, aReport({ jobId, progress: 0.2, engine: { instance }, engineTaskCounts: { running: 3 } }))
  await stream.until('job', (job) => job['jobId'] === jobId && job['progress'] === 0.2)
  const engine = await stream.until('engine', (each) => each['instance'] === instance)
  expect(engine.data).toMatchObject({ state: 'live', counts: { running: 3 } })
  await send(stand.aggregator, aReport({ jobId, status: 'succeeded', engine: { instance } }))
  const ended = await stream.until('job', (job) => job['jobId'] === jobId && job['status'] === 'succeeded')
  expect(ended.data).toMatchObject({ namespace: 'default', progress: 1, taskCountByStatus: { succeeded: 1 } })
  expect(stream.retryMs()).toBeGreaterThan(0)
})

test('the stream of one job begins with the job as it is, carries its lines in order, each once, and nothing of others', async () => {
  const [jobId, other] = [anId('job'), anId('job')]
  await send(stand.aggregator, aReport({ jobId, seq: 1, progress: 0.1, logs: [line('before')] }))
  const stream = await open(`?jobId=${jobId}`)
  await stream.until('job', (job) => job['progress'] === 0.1)
  const expected: string[] = []
  for (let seq = 2; seq < 30; seq++) {
    const logs = [line(`${seq} a`), line(`${seq} b`)]
    expected.push(...logs.map((each) => each.line))
    await send(stand.aggregator, [
      aReport({ jobId, seq, progress: seq / 100, logs }),
      aReport({ jobId: other, logs: [line('not mine')] }),
    ])
  }
  await send(stand.aggregator, aReport({ jobId, seq: 30, status: 'failed', logs: [line('last')] }))
  await stream.until('log', ({ lines }) => JSON.stringify(lines).includes('"last"'))
  expect(linesOf(stream)).toEqual([...expected, 'last'])
  expect(JSON.stringify(stream.events)).not.toContain(other)
  const progress = stream.events.filter(({ event }) => event === 'job').map(({ data }) => Number(data['progress']))
  expect(progress).toEqual(progress.toSorted((a, b) => a - b))
})

test('who comes back with the cursor it had misses no line and sees none twice', async () => {
  const jobId = anId('job')
  await send(stand.aggregator, aReport({ jobId, seq: 1 }))
  const first = await open(`?jobId=${jobId}`)
  await first.until('job')
  await send(stand.aggregator, aReport({ jobId, seq: 2, logs: [line('one')] }))
  const { data } = await first.until('log')
  await first.close()
  await send(stand.aggregator, aReport({ jobId, seq: 3, logs: [line('two')] }))
  const again = await open(`?jobId=${jobId}&after=${encodeURIComponent(String(data['resumeCursor']))}`)
  await again.until('log')
  expect(linesOf(again)).toEqual(['two'])
})

test('a filter on the namespace leaves other namespaces out', async () => {
  const stream = await open('?namespace=mine')
  const [mine, theirs] = [anId('job'), anId('job')]
  await send(stand.aggregator, [aReport({ jobId: theirs, namespace: 'theirs' }), aReport({ jobId: mine, namespace: 'mine' })])
  await stream.until('job', ({ jobId }) => jobId === mine)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(stream.events.filter(({ event }) => event === 'job').map(({ data }) => data['jobId'])).toEqual([mine])
})

test('a stream on which nothing happens beats about every 15 seconds', async () => {
  await expect.poll(() => quiet.comments.length, { timeout: 20_000, interval: 200 }).toBeGreaterThan(0)
  expect(quiet.isEnded()).toBe(false)
  expect(quiet.events.filter(({ event }) => event === 'job')).toEqual([])
})

test('at SIGTERM streams end, and the process with them', async () => {
  const stream = await open()
  stand.aggregator.program.kill('SIGTERM')
  expect((await stand.aggregator.program.exited).code).toBe(0)
  await expect.poll(() => stream.isEnded()).toBe(true)
})
