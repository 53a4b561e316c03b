import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ScopeEvent } from '../../src/jobs/records.ts'
import { FleetSeries } from '../../src/series/fleet-series.ts'
import { metricsRoute } from '../../src/series/metrics-route.ts'
import { OwnMetrics } from '../../src/series/own-metrics.ts'
import { ScrapeLog } from '../../src/series/scrape-log.ts'
import { TaskSeries } from '../../src/series/task-series.ts'
import { eventually } from '../support/eventually.ts'
import { httpClient } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { type Program, startProgram } from '../support/process.ts'
import { aStore, aTask } from '../support/series.ts'

const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined

let folder: string
let server: Server
let prometheus: Program | undefined
const accepts: (string | undefined)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prometheus-scrape-'))
})

afterEach(async () => {
  await prometheus?.stop()
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

async function served() {
  const { store } = aStore()
  const own = new OwnMetrics('0.1.0')
  own.watch(store)
  const scrapes = new ScrapeLog()
  const limits = { taskSeriesMax: 10_000, metricNamesMax: 32, lingerMs: 3_600_000, lostLingerMs: 1000 }
  const expired: string[] = []
  const tasks = new TaskSeries({ store, scrapes, limits, nowMs: () => 10_000, onExpired: ({ task }) => expired.push(task) })
  tasks.load(0, { tasks: [], jobs: [], engines: [] })
  const readCounters = () =>
    Promise.resolve(
      new Map([
        ['["durationBucket","sql","spark","succeeded",3]', 2],
        ['["tasks","default","sql","spark","running"]', 2],
      ]),
    )
  const fleet = new FleetSeries({ store, readCounters, onReadFailure: () => undefined })
  fleet.setHolder(true)
  const route = metricsRoute({ own, store, scrapes, beforeScrape: () => fleet.refresh() })
  server = createServer((req, res) => {
    accepts.push(req.headers.accept)
    void route(req, res)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { tasks, expired, port: (server.address() as AddressInfo).port }
}

async function startPrometheus(targetPort: number) {
  const port = await freePort()
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'enginescope', honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${targetPort}`] }] }],
  }
  const file = join(folder, 'prometheus.yml')
  writeFileSync(file, JSON.stringify(config))
  prometheus = await startProgram('prometheus', [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ])
  const client = httpClient(`http://127.0.0.1:${port}`)
  return async (query: string): Promise<{ metric: Record<string, string>; value: number }[]> => {
    const answer = await client.get(`/api/v1/query?query=${encodeURIComponent(query)}`)
    const { data } = answer.json<{ data: { result: { metric: Record<string, string>; value: [number, string] }[] } }>()
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  }
}

test.skipIf(!hasPrometheus)(
  'a real Prometheus takes all series as they are, and ended tasks vanish after it scraped them twice (skipped where it is not installed)',
  async () => {
    const { tasks, expired, port } = await served()
    const event = (i: number): ScopeEvent => ({
      kind: 'task',
      record: aTask({ task: `t${i}`, engine: { instance: 'n1:1', user: 'a"b\\c\nd ü' }, hasProgress: true, progress: i / 1000 }),
    })
    tasks.apply(
      0,
      Array.from({ length: 1000 }, (_, i) => event(i)),
    )
    const query = await startPrometheus(port)
    const numberOf = async (text: string) => (await query(text))[0]?.value
    await eventually(
      () => numberOf('count(enginescope_task_progress_ratio)'),
      (count) => count === 1000,
    )
    expect(accepts.some((accept) => accept?.includes('openmetrics'))).toBe(true)
    expect(await numberOf('sum(enginescope_task_progress_ratio)')).toBeCloseTo(499.5, 9)
    const [info] = await query('enginescope_task_info{task="t7"}')
    expect(info?.metric['user']).toBe('a"b\\c\nd ü')
    expect(info?.metric).not.toHaveProperty('instance')
    expect(await numberOf('enginescope_task_duration_seconds_bucket{status="succeeded",le="2.5"}')).toBe(2)
    expect(await numberOf('count(enginescope_reports_total{instance!=""})')).toBe(6)

    const end = { status: 'succeeded', progress: 1, endedArrivalAtMs: 10_000 } as const
    tasks.apply(0, [{ kind: 'task', record: aTask({ task: 't7', ...end }) }])
    await eventually(() => {
      tasks.sweep(10_000)
      return expired.includes('t7')
    })
    expect(await numberOf('max_over_time(enginescope_task_status{task="t7",status="succeeded"}[1m])')).toBe(1)
    await eventually(
      () => query('enginescope_task_status{task="t7"}'),
      (found) => found.length === 0,
    )
  },
)
