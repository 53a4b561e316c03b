import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { driveLoad } from '../support/ledger.ts'
import { type FakeLoki, startLoki } from '../support/loki.ts'
import { freePort } from '../support/ports.ts'
import { samplesOf, sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

const kills = Number(process.env['ENGINESCOPE_TEST_KILLS'] ?? 6)
const reporters = 24
const reportsEach = Number(process.env['ENGINESCOPE_TEST_REPORTS'] ?? 60)
const linesPerReport = 2

let redis: RedisServer
let loki: FakeLoki
let aggregator: Aggregator | undefined
beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  loki = await startLoki()
})
afterAll(async () => {
  await aggregator?.stop()
  await loki?.close()
  await redis?.stop()
})

test(
  'kill -9 of the service at any moment under load loses no acknowledged report or line and doubles none',
  async () => {
    const port = await freePort()
    const start = () => startAggregator({ redisUrl: redis.url, port, settings: { LOKI_URL: loki.url } })
    let running: Aggregator = await start()
    aggregator = running
    let isLoading = true
    const loading = driveLoad({ urls: [running.url], reporters, reportsEach, linesPerReport }).finally(() => {
      isLoading = false
    })
    const dips: string[] = []
    const highest = new Map<string, number>()
    for (let kill = 0; kill < kills && isLoading; kill++) {
      await noteCounters(running, highest, dips)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
      running.program.kill('SIGKILL')
      await running.program.exited
      running = await start()
      aggregator = running
    }
    const ledger = await loading
    await untilItOwnsAll(running)
    await noteCounters(running, highest, dips)
    expect(dips, 'counters that stepped back').toEqual([])

    for (const [jobId, account] of ledger.jobs) {
      const job = await running.http.get(`/api/v1/namespaces/default/jobs/${jobId}`)
      expect(job.json(), jobId).toMatchObject({
        status: 'succeeded',
        progress: 1,
        tasks: [{ usage: { cpuSeconds: reportsEach } }],
      })
      // The newest: of a long run there are more than a page of them, and than a tail holds.
      const answer = await running.http.get(`/api/v1/namespaces/default/jobs/${jobId}/logs?limit=1000&order=desc`)
      const tail = answer.json<{ lines: { line: string }[] }>().lines.map(({ line }) => line)
      expect(tail.reverse(), jobId).toEqual(account.lines.slice(-tail.length))
      expect(tail.length, jobId).toBeGreaterThanOrEqual(Math.min(account.lines.length, 500))
    }
    const families = await running.metrics()
    const finished = { task_type: 'load', status: 'succeeded' }
    expect(sampleValue(families, 'enginescope_tasks_finished_total', finished)).toBe(reporters)
    expect(samplesOf(families, 'enginescope_tasks', { task_type: 'load' }).map(({ value }) => value)).toEqual([0, 0, 0, 0, 0])
    expect(sampleValue(families, 'enginescope_reports_lost_total')).toBe(0)

    const sent = [...ledger.jobs.values()].flatMap(({ lines }) => lines)
    const stored = await eventually(
      () => loki.lines.filter(({ line }) => line.includes(' report ')),
      (lines) => lines.length >= sent.length,
      { what: 'all lines to reach Loki', timeoutMs: 60_000 },
    )
    expect(stored.map(({ line }) => line).sort()).toEqual(sent.sort())
    await running.stop()
  },
  180_000 + kills * 10_000,
)

/** Remembers the highest value of every shared counter, and notes each one that is lower than it has been. */
async function noteCounters(aggregator: Aggregator, highest: Map<string, number>, dips: string[]): Promise<void> {
  for (const [name, family] of await aggregator.metrics()) {
    if (family.type !== 'counter') continue
    for (const { labels, value } of family.samples) {
      if (labels['instance'] !== '') continue
      const series = `${name}${JSON.stringify(labels)}`
      const known = highest.get(series) ?? 0
      if (value < known) dips.push(`${series}: ${known} → ${value}`)
      highest.set(series, Math.max(known, value))
    }
  }
}
