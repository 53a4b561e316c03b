import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRuntime, type Runtime } from '../../src/reporter/index.ts'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { type Certificates, hasOpenssl, makeCertificates } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aStatus } from '../support/runtime-messages.ts'

let certificates: Certificates
const servers: RedisServer[] = []
const runtimes: Runtime[] = []
const aggregators: Aggregator[] = []
beforeAll(() => {
  if (!hasOpenssl) return
  certificates = makeCertificates()
  for (const name of ['authority', 'other']) certificates.issue(name)
  for (const name of ['runtime', 'monitor']) certificates.issue(name, 'authority')
  for (const name of ['fraud', 'stranger']) certificates.issue(name, 'other')
}, 60_000)
afterAll(async () => {
  await Promise.all(aggregators.map((aggregator) => aggregator.stop()))
  await Promise.all(runtimes.map((runtime) => runtime.close()))
  await Promise.all(servers.map((server) => server.stop()))
  certificates?.remove()
})

/** A monitor with a Redis of its own. @param files certificate, and key, by which it is known */
async function aMonitor(files: Readonly<Record<string, string>>): Promise<Aggregator> {
  const redis = await startRedis()
  servers.push(redis)
  const tls = Object.entries(files).map(([name, file]) => [`RUNTIME_TLS_${name}_FILE`, certificates.path(file)])
  const settings = { RUNTIME_INTERVAL: '200ms', RUNTIME_FAILURES: '2', ...Object.fromEntries(tls) }
  const aggregator = await startAggregator({ redisUrl: redis.url, settings })
  aggregators.push(aggregator)
  await untilItOwnsAll(aggregator)
  return aggregator
}

/** A real runtime over https that lets in whom `authority` has signed. */
async function aRuntime(runtimeId: string, certificate = 'runtime', authority = 'authority'): Promise<Runtime> {
  const tls = {
    ...{ cert: certificates.pem(`${certificate}.pem`), key: certificates.pem(`${certificate}.key`) },
    ca: certificates.pem(`${authority}.pem`),
  }
  const runtime = createRuntime({ runtimeId, listen: { tls }, onKill: () => undefined })
  runtimes.push(runtime)
  runtime.publish(...aStatus(runtimeId, 'RUNNING'))
  expect(await runtime.listening).toMatch(/^https:/)
  return runtime
}

type Detail = { state: string; failures: number; lastSuccessAt: number | null; problem: string | null }

async function followed(by: Aggregator, runtime: Runtime, isDone: (detail: Detail) => boolean): Promise<Detail> {
  const body = { runtimeId: runtime.runtimeId, url: await runtime.listening }
  expect((await by.http.post('/api/v1/runtimes', body)).status).toBe(201)
  const read = async () => (await by.http.get(`/api/v1/runtimes/${runtime.runtimeId}`)).json<Detail>()
  return eventually(read, isDone, { what: `${runtime.runtimeId} to be asked`, timeoutMs: 20_000 })
}

const polls = async (aggregator: Aggregator, outcome: string) =>
  sampleValue(await aggregator.metrics(), 'enginescope_runtime_polls_total', { outcome }) ?? 0

const isRefused = ({ state }: Detail) => state === 'UNREACHABLE'

describe.skipIf(!hasOpenssl)('a runtime that lets in only monitors with a certificate', () => {
  test('is fetched from by one that has it, and by it alone; each refusal is a poll that is counted', async () => {
    const own = { CA: 'authority.pem', CERT: 'monitor.pem', KEY: 'monitor.key' }
    const monitor = await aMonitor(own)
    const known = await aRuntime('known')
    await followed(monitor, known, ({ lastSuccessAt }) => lastSuccessAt !== null)
    const job = () => monitor.http.get('/api/v1/namespaces/default/jobs/known')
    await eventually(job, ({ text }) => text.includes('"running"'), { what: 'its status to arrive' })
    expect(await polls(monitor, 'unreachable')).toBe(0)

    for (const [what, files] of [
      ['no certificate', { CA: 'authority.pem' }],
      ['one of another authority', { CA: 'authority.pem', CERT: 'stranger.pem', KEY: 'stranger.key' }],
    ] as const) {
      const unknown = await aMonitor(files)
      const guarded = await aRuntime(`guarded-from-${what.replaceAll(' ', '-')}`)
      const found = await followed(unknown, guarded, isRefused)
      expect([found.lastSuccessAt, found.problem], what).toEqual([null, expect.stringMatching(/alert|certificate|reset|closed/i)])
      expect(guarded.stats().fetches, what).toBe(0)
      await eventually(
        () => polls(unknown, 'unreachable'),
        (count) => count >= 2,
        { what },
      )
    }
  }, 120_000)

  test('is not believed when its own certificate is of another authority, or none is asked for', async () => {
    const monitor = await aMonitor({ CA: 'authority.pem', CERT: 'monitor.pem', KEY: 'monitor.key' })
    const fraud = await aRuntime('fraud', 'fraud')
    const found = await followed(monitor, fraud, isRefused)
    expect([found.lastSuccessAt, found.problem]).toEqual([null, expect.stringContaining('certificate')])
    expect(fraud.stats().fetches).toBe(0)
    await eventually(
      () => polls(monitor, 'unreachable'),
      (count) => count >= 2,
      { what: 'the refusals to be counted' },
    )
  }, 120_000)
})
