import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { parsePrometheusText, sampleValue } from '../../test/support/prometheus-text.ts'
import { anEngine, aStore, aTask } from '../../test/support/series.ts'
import { EngineSeries } from './engine-series.ts'
import { FleetSeries } from './fleet-series.ts'
import { type MetricsRouteDeps, metricsRoute } from './metrics-route.ts'
import { OwnMetrics } from './own-metrics.ts'
import { ScrapeLog } from './scrape-log.ts'
import { TaskSeries } from './task-series.ts'

type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer }

const scrapeHeaders = { 'x-prometheus-scrape-timeout-seconds': '10' }
const openMetrics =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

let server: Server
let url: string
let series: ReturnType<typeof everySeries>
let changes: Partial<MetricsRouteDeps>
const troubles: unknown[] = []

function everySeries() {
  const own = new OwnMetrics('0.1.0')
  const { store } = aStore()
  own.watch(store)
  const scrapes = new ScrapeLog()
  const tasks = new TaskSeries({
    store,
    scrapes,
    limits: { taskSeriesMax: 100_000, metricNamesMax: 32, lingerMs: 1000, lostLingerMs: 1000 },
    nowMs: () => 10_000,
    onExpired: () => undefined,
  })
  const engines = new EngineSeries(store, 100)
  const counters = new Map([
    ['["tasks","default","sql","spark","running"]', 1],
    ['["engines","spark","live"]', 1],
  ])
  const fleet = new FleetSeries({ store, readCounters: () => Promise.resolve(counters), onReadFailure: () => undefined })
  for (const listener of [tasks, engines]) listener.load(0, { tasks: [], jobs: [], engines: [] })
  return { own, store, scrapes, tasks, engines, fleet }
}

/** Something of every family. */
async function fill(): Promise<void> {
  const { own, tasks, engines, fleet } = series
  const application = {
    applicationId: 'a',
    queueMemory: 68_719_476_736,
    queueCores: 1,
    queueInstances: 1,
    jobStatus: '',
    queue: '',
    live: true,
  }
  const full = {
    hasProgress: true,
    progress: 0.5,
    progressInfo: [{ id: 's', totalTasks: 4, runningTasks: 1, failedTasks: 1, succeedTasks: 1 }],
    applications: [application],
    usage: {
      memoryBytes: 1,
      gpuMemoryBytes: 2,
      gpuUtilizationRatio: 0.5,
      cpuSeconds: { base: 0, per: [['', 3]] as [string, number][] },
    },
    metrics: { trainLoss: 0.41 },
    engine: { instance: 'n1:1', user: 'a"b\\c\nd' },
  }
  const endOf = { status: 'failed', endedAtMs: 9000, endedArrivalAtMs: 9500 } as const
  tasks.apply(0, [
    { kind: 'task', record: aTask(full) },
    { kind: 'task', record: aTask({ task: 't2', ...endOf }) },
  ])
  const counted = { base: 1, per: [] }
  const engine = anEngine({
    counts: { running: 1, pending: 2, limit: 3 },
    finished: { succeeded: counted },
    stateSeconds: { idle: counted, busy: counted, locked: counted, unlocked: counted },
  })
  engines.apply(0, [{ kind: 'engine', record: engine }])
  fleet.setHolder(true)
  await fleet.refresh()
  own.ingest.requestSeconds(0.01)
  own.ingest.outcome('applied')
  own.ingest.ignoredField('progress')
  own.ingest.reportDelaySeconds(0.2)
  own.redis.commandSeconds('commit', 0.001)
}

beforeEach(async () => {
  series = everySeries()
  changes = {}
  troubles.length = 0
  let route: ReturnType<typeof metricsRoute> | undefined
  server = createServer((req, res) => {
    const { own, store, scrapes } = series
    route ??= metricsRoute({ own, store, scrapes, onTrouble: (...trouble) => troubles.push(trouble), ...changes })
    void route(req, res)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function get(headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: false }, (res) => {
      const parts: Buffer[] = []
      res.on('data', (part: Buffer) => parts.push(part))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(parts) }))
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end()
  })
}

describe('the answer', () => {
  test('is text in which own and shared series stand together, read by an independent reader', async () => {
    await fill()
    const { status, headers, body } = await get()
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(headers['content-encoding']).toBeUndefined()
    const families = parsePrometheusText(body.toString())
    expect(sampleValue(families, 'enginescope_task_resource_memory_bytes')).toBe(68_719_476_736)
    expect(body.toString()).toContain('instance=""} 68719476736\n')
    expect(families.get('enginescope_task_info')?.samples[0]?.labels['user']).toBe('a"b\\c\nd')
    expect(sampleValue(families, 'enginescope_reports_total', { outcome: 'applied' })).toBe(1)
    expect(sampleValue(families, 'enginescope_reports_total', { outcome: 'late' })).toBe(0)
    expect(sampleValue(families, 'enginescope_series', { family: 'engine' })).toBe(13)
    expect(families.has('process_cpu_user_seconds_total')).toBe(true)
    expect(families.get('enginescope_ingest_request_seconds')?.type).toBe('histogram')
  })

  test.skipIf(spawnSync('promtool', ['--version']).error !== undefined)(
    'has nothing that promtool objects to (skipped where promtool is not installed)',
    async () => {
      await fill()
      const { body } = await get()
      const checked = spawnSync('promtool', ['check', 'metrics'], { input: body })
      expect(checked.stderr.toString() + checked.stdout.toString()).toBe('')
      expect(checked.status).toBe(0)
    },
  )

  test('is OpenMetrics for who asks as Prometheus does: counters named without _total in TYPE, one blank, an end mark', async () => {
    await fill()
    const { headers, body } = await get({ accept: openMetrics })
    expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    const text = body.toString()
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(text).toContain('# TYPE enginescope_tasks_finished counter\nenginescope_tasks_finished_total{')
    expect(text).toContain('# TYPE enginescope_reports counter\nenginescope_reports_total{')
    expect(text).not.toMatch(/^# TYPE \S+_total /m)
    expect(text).not.toMatch(/\n\n/)
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    for (const line of samples) expect(line).toMatch(/^[a-z0-9_]+(\{.*\})? [^ ]+$/)
  })

  test('holds no family twice and bounds with a decimal point in both forms', async () => {
    await fill()
    for (const accept of ['text/plain', openMetrics]) {
      const text = (await get({ accept })).body.toString()
      const types = text.match(/^# TYPE \S+/gm) ?? []
      expect(new Set(types).size).toBe(types.length)
      for (const [, bound] of text.matchAll(/le="([^"]+)"/g)) expect(bound).toMatch(/\.|\+Inf/)
    }
  })

  test('is compressed for who takes gzip, and then says the same', async () => {
    await fill()
    const plain = await get({ accept: openMetrics })
    const zipped = await get({ accept: openMetrics, 'accept-encoding': 'gzip' })
    expect(zipped.headers['content-encoding']).toBe('gzip')
    expect(zipped.headers['vary']).toContain('Accept-Encoding')
    const shared = (body: Buffer) => body.toString().match(/^enginescope_(task|engine)s?_.*$/gm)
    expect(shared(gunzipSync(zipped.body))).toEqual(shared(plain.body))
    expect((await get({ 'accept-encoding': 'gzip;q=0, br' })).headers['content-encoding']).toBeUndefined()
  })

  test.each(['GET', 'HEAD'])('to %s with an Accept of nonsense is text', async (method) => {
    const { status, headers } = await get({ accept: `${'x;q=nan,'.repeat(500)}application/openmetrics-text;q=2` }, method)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  test('to HEAD has no body and is no scrape', async () => {
    const { body } = await get(scrapeHeaders, 'HEAD')
    expect(body).toHaveLength(0)
    expect(series.scrapes.mark).toBe(0)
  })

  test('to any other method is 405 and names those that are taken', async () => {
    const { status, headers, body } = await get({}, 'POST')
    expect(status).toBe(405)
    expect(headers['allow']).toBe('GET, HEAD')
    expect(JSON.parse(body.toString())).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } })
  })
})

describe('a scrape', () => {
  test('brings the shared series up to date first, and is answered all the same when that fails', async () => {
    changes = {
      beforeScrape: () => {
        series.engines.apply(0, [{ kind: 'engine', record: anEngine() }])
        return Promise.reject(new Error('the store is away'))
      },
    }
    const { status, body } = await get()
    expect(status).toBe(200)
    expect(sampleValue(parsePrometheusText(body.toString()), 'enginescope_engine_up')).toBe(1)
    expect(troubles).toMatchObject([['before_scrape', { message: 'the store is away' }]])
  })

  test.each([1, 2])('shows nothing that ceased to be its own before chunk %i of the answer', async (ceasedAt) => {
    for (let i = 0; i < 10_000; i++) series.tasks.apply(0, [{ kind: 'task', record: aTask({ task: `t${i}` }) }])
    let chunks = Number.NEGATIVE_INFINITY
    changes = {
      beforeChunk: () => {
        chunks += 1
        if (chunks === ceasedAt) series.tasks.drop(0)
      },
    }
    const whole = (await get()).body
    chunks = 0
    const { body } = await get()
    expect(body.length).toBeLessThan((ceasedAt - 1) * 1024 * 1024 + 64 * 1024)
    expect(whole.length).toBeGreaterThan(2 * 1024 * 1024)
  })

  test('counts for the life of ended tasks once it was answered in full, a look by a person does not', async () => {
    const mark = series.scrapes.mark
    await get()
    await get()
    await get(scrapeHeaders)
    expect(series.scrapes.isTwiceSince(mark)).toBe(false)
    await get(scrapeHeaders)
    await eventually(() => series.scrapes.isTwiceSince(mark))
  })

  test('that is cut in the body counts for nothing, and nothing of it is left', async () => {
    for (let i = 0; i < 30_000; i++) series.tasks.apply(0, [{ kind: 'task', record: aTask({ task: `t${i}` }) }])
    const mark = series.scrapes.mark
    const closed: Promise<unknown>[] = []
    server.on('request', (_req, res) => closed.push(once(res, 'close')))
    for (let i = 0; i < 3; i++) {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n')
      await once(socket, 'readable')
      socket.destroy()
    }
    await eventually(() => closed.length === 3)
    await Promise.all(closed)
    expect(series.scrapes.isTwiceSince(mark)).toBe(false)
    expect((await get(scrapeHeaders)).status).toBe(200)
    expect(series.scrapes.isTwiceSince(mark)).toBe(false)
  })

  test('by a client that takes nothing is cut off', async () => {
    changes = { limits: { stallMs: 50 } }
    for (let i = 0; i < 30_000; i++) series.tasks.apply(0, [{ kind: 'task', record: aTask({ task: `t${i}` }) }])
    const closed = new Promise((resolve) => server.on('request', (_req, res) => res.on('close', resolve)))
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.pause()
    socket.on('error', () => undefined)
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await closed
    socket.destroy()
  })

  test('that comes with a hundred others costs a few renderings, and all get the whole of it', async () => {
    let renderings = 0
    changes = {
      beforeScrape: () => {
        renderings += 1
        return Promise.resolve()
      },
    }
    for (let i = 0; i < 2000; i++) series.tasks.apply(0, [{ kind: 'task', record: aTask({ task: `t${i}` }) }])
    const answers = await Promise.all(Array.from({ length: 100 }, () => get({ 'accept-encoding': 'gzip' })))
    for (const { body } of answers)
      expect(
        gunzipSync(body)
          .toString()
          .match(/^enginescope_task_info\{/gm),
      ).toHaveLength(2000)
    expect(renderings).toBeLessThan(20)
  })

  test('beyond the limit of scrapes in progress is told to come back', async () => {
    changes = { limits: { scrapesMax: 0 } }
    const { status, headers } = await get()
    expect(status).toBe(503)
    expect(headers['retry-after']).toBe('1')
  })

  test('of ten thousand tasks is exact, line by line', async () => {
    for (let i = 0; i < 10_000; i++) {
      series.tasks.apply(0, [{ kind: 'task', record: aTask({ task: `t${i}`, hasProgress: true, progress: i / 10_000 }) }])
    }
    const families = parsePrometheusText((await get()).body.toString())
    const progress = families.get('enginescope_task_progress_ratio')?.samples ?? []
    const byTask = new Map(progress.map((sample) => [sample.labels['task'], sample.value]))
    for (let i = 0; i < 10_000; i++) if (byTask.get(`t${i}`) !== i / 10_000) throw new Error(`t${i} is ${byTask.get(`t${i}`)}`)
  })
})

test('a rendering that fails of itself is our fault and says so', async () => {
  changes = { own: { text: () => Promise.reject(new Error('a bug')) } }
  const { status, body } = await get()
  expect(status).toBe(500)
  expect(JSON.parse(body.toString())).toMatchObject({ error: { code: 'INTERNAL' } })
  expect(troubles).toMatchObject([['answer', { message: 'a bug' }]])
})
