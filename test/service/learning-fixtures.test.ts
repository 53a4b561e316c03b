import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll, untilShared } from '../support/aggregator.ts'
import { endOfJob, endValues, type Fixture, learningJobs, reportsOf } from '../support/learning-values.ts'
import { freePort } from '../support/ports.ts'
import { type MetricFamily, samplesOf } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { jobOf, logsOf, send } from '../support/reporting.ts'

type Families = ReadonlyMap<string, MetricFamily>

const fixtures = Object.keys(learningJobs) as Fixture[]
const settings = { LOST_AFTER: '10m' }

let redis: RedisServer
let port: number
let first: Aggregator
beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  port = await freePort()
  first = await startAggregator({ redisUrl: redis.url, port, settings })
}, 120_000)
afterAll(async () => {
  await first?.stop()
  await redis?.stop()
})

/** Sums over the series that replicas expose: each is with one of them. */
function valueIn(all: readonly Families[], name: string, labels: Record<string, string>): number | undefined {
  const found = all.flatMap((families) => samplesOf(families, name, labels))
  return found.length === 0 ? undefined : Math.round(found.reduce((sum, { value }) => sum + value, 0) * 1e9) / 1e9
}

async function metricsOf(replicas: readonly Aggregator[]): Promise<Families[]> {
  return Promise.all(replicas.map((replica) => replica.metrics()))
}

async function expectEndValues(fixture: Fixture, namespace: string, replicas: readonly Aggregator[] = [first]): Promise<void> {
  const families = await metricsOf(replicas)
  const scope = { namespace, job_id: learningJobs[fixture] }
  const seen = endValues[fixture].map(([name, labels]) => [name, labels, valueIn(families, name, { ...scope, ...labels })])
  expect(seen).toEqual(endValues[fixture].map(([name, labels, value]) => [name, labels, value]))
  const { status, progress, lines } = endOfJob[fixture]
  const job = await jobOf(first, learningJobs[fixture], namespace)
  expect(job.status).toBe(status)
  if (progress !== undefined) expect(job.progress).toBe(progress)
  const levels = (await logsOf(first, learningJobs[fixture], '?limit=100', namespace)).lines.map(({ level }) => level)
  const counted = Object.fromEntries([...new Set(levels)].map((level) => [level, levels.filter((of) => of === level).length]))
  expect(counted).toEqual(lines)
}

describe.each(fixtures)('%s', (fixture) => {
  test('has exactly its end values after one pass', async () => {
    for (const report of reportsOf(fixture, 'once')) expect(await send(first, report)).toMatchObject({ applied: 1 })
    await expectEndValues(fixture, 'once')
  })

  test('has the same after each report, and then the whole, came twice', async () => {
    const reports = reportsOf(fixture, 'twice')
    for (const report of reports) {
      await send(first, report)
      await send(first, report)
    }
    const again = await send(first, reports)
    expect(again.applied + again.late + again.rejected).toBe(0)
    await expectEndValues(fixture, 'twice')
  })

  test('has the same when neighbours in a series of reports are swapped on their way', async () => {
    const reports = [...reportsOf(fixture, 'swapped')]
    // The last word on a gauge must be the last to arrive; what only grows does not mind.
    const at = reports.length > 20 ? [0] : [0, 2]
    for (const i of at) {
      const [a, b] = [reports[i], reports[i + 1]]
      if (a === undefined || b === undefined) throw new Error('the fixture is shorter than thought')
      reports[i] = b
      reports[i + 1] = a
    }
    for (const report of reports) await send(first, report)
    await expectEndValues(fixture, 'swapped')
  })
})

test('every fixture has the same with a restart of the aggregator in its middle, by SIGTERM and by kill -9', async () => {
  for (const [namespace, signal] of [
    ['term', 'SIGTERM'],
    ['kill', 'SIGKILL'],
  ] as const) {
    for (const fixture of fixtures) await send(first, half(reportsOf(fixture, namespace), 'first'))
    if (signal === 'SIGTERM') await first.stop()
    else {
      first.program.kill(signal)
      await first.program.exited
    }
    first = await startAggregator({ redisUrl: redis.url, port, settings })
    await untilItOwnsAll(first)
    for (const fixture of fixtures) await send(first, half(reportsOf(fixture, namespace), 'second'))
    for (const fixture of fixtures) await expectEndValues(fixture, namespace)
  }
})

test('every fixture has the same through two replicas that take turns, and each series is with one of them', async () => {
  const second = await startAggregator({ redisUrl: redis.url, settings })
  try {
    await untilShared([first, second])
    for (const fixture of fixtures)
      for (const [at, report] of reportsOf(fixture, 'shared').entries()) await send(at % 2 === 0 ? first : second, report)
    for (const fixture of fixtures) await expectEndValues(fixture, 'shared', [first, second])
  } finally {
    await second.stop()
  }
})

function half<T>(all: readonly T[], which: 'first' | 'second'): readonly T[] {
  const middle = Math.ceil(all.length / 2)
  return which === 'first' ? all.slice(0, middle) : all.slice(middle)
}
