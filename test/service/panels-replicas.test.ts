/** A store at rest looks the same through one replica and through three: every shared series, and every panel over them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../src/catalogue/families.ts'
import type { Metric } from '../../src/catalogue/index.ts'
import { filledIn, panelQueries } from '../../src/generate/dashboards/index.ts'
import { type Aggregator, startAggregator } from '../support/aggregator.ts'
import { shownJob, startBusyFleet } from '../support/busy-fleet.ts'
import { eventually } from '../support/eventually.ts'
import { isOfLearning } from '../support/panels-without-data.ts'
import { freePort } from '../support/ports.ts'
import { hasPrometheus, type Prometheus, startPrometheus } from '../support/prometheus.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'

/** Nothing changes by itself while the store rests. */
const settings = { SUSPECT_AFTER: '1h', LOST_AFTER: '2h', STALLED_AFTER: '1h', STRAGGLE_AFTER: '1h', GAP_TIMEOUT: '2s' }

const shared = new Set(
  Object.values<Metric>(families)
    .filter(({ group }) => group !== 'own')
    .map(({ name }) => name),
)

/** Every panel over shared series alone that says how things are: rates and ages go on while the store rests. */
const panels = [
  ...new Set(
    panelQueries()
      .filter((query) => query.from === 'panel' && query.language === 'promql' && !isOfLearning(query))
      .map((query) => filledIn(query, { job_id: shownJob }))
      .filter((text) => !/\[|time\(\)|\w+:enginescope_|task_eta/.test(text) && namesIn(text).every((name) => shared.has(name))),
  ),
]

function namesIn(text: string): string[] {
  return text.match(/\b(?:enginescope|process|nodejs|scrape)_\w+|\bup(?=\{)/g) ?? []
}

describe.skipIf(!hasPrometheus)('a store at rest (skipped where Prometheus is not installed)', () => {
  let redis: RedisServer
  let prometheus: Prometheus
  const ports: number[] = []
  const replicas: Aggregator[] = []

  const start = async (port: number) => {
    replicas.push(await startAggregator({ redisUrl: redis.url, port, settings }))
  }
  /** What Prometheus has for a query, one line for each series. */
  const answer = async (query: string) => {
    const result = await prometheus.query(query)
    return result.map(({ metric, value }) => `${JSON.stringify(Object.entries(metric).sort())} ${value}`).sort()
  }
  // The time left is estimated when a task reports, and anew when its shard is taken over: it is no part of the store.
  const everything = () => answer('{__name__=~"enginescope_.+", __name__!~"enginescope_task_eta_.*", instance=""}')
  /** Waits until every shared series has been the same for a few scrapes. */
  const atRest = async () => {
    let last: { text: string; sinceMs: number } | undefined
    const look = async () => {
      const text = (await everything()).join('\n')
      if (text !== last?.text) last = { text, sinceMs: performance.now() }
      return text === '' ? 0 : performance.now() - last.sinceMs
    }
    await eventually(look, (restedMs) => restedMs > 4000, { what: 'the series to rest', timeoutMs: 60_000, everyMs: 500 })
  }
  const seen = async () => {
    await atRest()
    const byPanel = await Promise.all(panels.map(async (text) => [text, await answer(text)] as const))
    return { everything: await everything(), panels: Object.fromEntries(byPanel) }
  }

  beforeAll(async () => {
    redis = await startRedis()
    for (let count = 0; count < 3; count++) ports.push(await freePort())
    prometheus = await startPrometheus(ports.map((port) => `127.0.0.1:${port}`))
    await start(ports[0] ?? 0)
  }, 60_000)

  afterAll(async () => {
    await prometheus?.stop()
    await Promise.all(replicas.map((replica) => replica.stop()))
    await redis?.stop()
  })

  test('looks the same through one replica and through three', async () => {
    const [first] = replicas
    if (first === undefined) throw new Error('no replica was started')
    const fleet = startBusyFleet(first.http)
    await eventually(fleet.rounds, (rounds) => rounds >= 6, { what: 'a few rounds of reports', timeoutMs: 30_000 })
    await fleet.stop()
    const byOne = await seen()
    await Promise.all(ports.slice(1).map(start))
    const owned = () => prometheus.query('enginescope_shards_owned > 0')
    await eventually(owned, (each) => each.length === 3 && each.reduce((sum, { value }) => sum + value, 0) === 16, {
      what: 'three replicas to share the shards',
      timeoutMs: 30_000,
    })
    const byThree = await seen()
    expect(panels.length).toBeGreaterThan(20)
    expect(byOne.everything.length).toBeGreaterThan(200)
    expect(byThree).toEqual(byOne)
  }, 180_000)
})
