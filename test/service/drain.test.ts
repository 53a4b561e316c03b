import { afterEach, expect, test } from 'vitest'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { driveLoad } from '../support/ledger.ts'
import { freePort } from '../support/ports.ts'
import { rawHttp } from '../support/raw-http.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aReport, finishedOf, jobOf, logsOf, send } from '../support/reporting.ts'

let redis: RedisServer | undefined
let aggregator: Aggregator | undefined
afterEach(async () => {
  await aggregator?.stop()
  await redis?.stop()
})

test('SIGTERM under load: requests in progress are answered, new ones turned away, and it is gone within ten seconds', async () => {
  redis = await startRedis({ appendOnly: true })
  const current = await startAggregator({ redisUrl: redis.url })
  aggregator = current
  const outcomes: string[] = []
  let isOver = false
  const pound = async (name: string) => {
    for (let seq = 1; !isOver; seq++) {
      const answer = await current.http.post('/api/v1/reports', aReport({ jobId: name, seq })).catch((error: unknown) => {
        const { code = 'unknown' } = (error instanceof Error ? error.cause : undefined) as { code?: string }
        return { status: 0, text: code, headers: new Headers() }
      })
      outcomes.push(answer.status === 200 ? 'taken' : `${answer.status} ${answer.text.slice(0, 80)}`)
      if (answer.status === 503 && answer.text.includes('SHUTTING_DOWN')) {
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
        expect(answer.headers.get('connection')).toBe('close')
      }
      if (answer.status === 0) return
    }
  }
  const pounding = Promise.all(Array.from({ length: 16 }, (_, i) => pound(`job-${i}`)))
  // A request that is still being read when the end begins, and takes its time.
  const body = JSON.stringify(aReport({ jobId: 'slow' }))
  const head = `POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
  await new Promise((resolve) => setTimeout(resolve, 500))
  const slow = slowly(current.port, [head + body.slice(0, 10), body.slice(10)], 1_000)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const beganAtMs = performance.now()
  current.program.kill('SIGTERM')
  const [exit, slowAnswer] = await Promise.all([current.program.exited, slow])
  isOver = true
  await pounding
  expect(exit).toEqual({ code: 0, signal: null })
  expect(performance.now() - beganAtMs).toBeLessThan(10_000)
  expect(slowAnswer).toMatch(/^HTTP\/1\.1 (200|503)/)
  const kinds = new Set(outcomes.map((outcome) => outcome.slice(0, 40)))
  expect(
    [...kinds].filter((kind) => !/^taken$|^503 .*(SHUTTING_DOWN|BUSY)|^0 (ECONNREFUSED|UND_ERR_SOCKET|ECONNRESET)/.test(kind)),
  ).toEqual([])
  expect(outcomes.some((outcome) => outcome.includes('SHUTTING_DOWN'))).toBe(true)
  // What was answered with 200 is there for whoever comes next.
  const taken = outcomes.filter((outcome) => outcome === 'taken').length
  const next = await startAggregator({ redisUrl: redis.url })
  aggregator = next
  const jobs = await Promise.all(Array.from({ length: 16 }, (_, i) => jobOf(next, `job-${i}`)))
  expect(jobs.reduce((sum, job) => sum + (job.tasks[0]?.seq ?? 0), 0)).toBeGreaterThanOrEqual(taken)
}, 120_000)

/** Writes parts one after the other with a pause between. */
function slowly(port: number, parts: readonly string[], pauseMs: number): Promise<string> {
  if (parts.length !== 2) throw new Error('two parts')
  return rawHttp(port, parts[0] as string, 8_000, (write) => setTimeout(() => write(parts[1] as string), pauseMs))
}

test('rolling restarts of two replicas under load lose and double nothing, and reporters only wait a little', async () => {
  redis = await startRedis({ appendOnly: true })
  const redisUrl = redis.url
  const ports = [await freePort(), await freePort()]
  const replicas = await Promise.all(ports.map((port) => startAggregator({ redisUrl, port })))
  const urls = replicas.map(({ url }) => url)
  const loading = driveLoad({ urls, reporters: 8, reportsEach: 50, linesPerReport: 1 })
  for (const at of [0, 1]) {
    expect(await replicas[at]?.stop()).toEqual({ code: 0, signal: null })
    replicas[at] = await startAggregator({ redisUrl, port: ports[at] as number })
  }
  const ledger = await loading
  const [first, second] = replicas as [Aggregator, Aggregator]
  aggregator = first
  try {
    for (const [jobId, { lines }] of ledger.jobs) {
      expect(await jobOf(second, jobId)).toMatchObject({ status: 'succeeded', progress: 1 })
      expect((await logsOf(first, jobId, '?limit=1000')).lines.map(({ line }) => line)).toEqual(lines)
    }
  } finally {
    await second.stop()
  }
  expect(await finishedOf(first, 'load', 8)).toMatchObject({ succeeded: 8 })
  expect(await send(first, aReport({ jobId: 'after' }))).toMatchObject({ applied: 1 })
}, 120_000)
