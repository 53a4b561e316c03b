/** The container of the Deployment without a container: the program with the settings of the manifests, asked as a cluster asks it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeAuthFile } from '../support/auth-file.ts'
import { type HttpClient, httpClient } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { type Program, startEnginescope } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { podSpecOf } from './objects.ts'
import { find, rendered } from './rendered.ts'

const objects = rendered('deploy/kubernetes/overlays/single')
const [container] = podSpecOf(find(objects, 'Deployment', 'enginescope'))?.containers ?? []
const settings = find(objects, 'ConfigMap', 'enginescope-settings').data ?? {}
const folder = mkdtempSync(join(tmpdir(), 'enginescope-pod-'))
const address = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address

let redis: RedisServer
let program: Program
let fromCluster: HttpClient
let tokens: Record<'engines' | 'people', string>

beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  const path = join(folder, 'tokens.yaml')
  const all = { namespaces: ['*'] }
  tokens = writeAuthFile(path, { engines: { role: 'report', ...all }, people: { role: 'read', ...all } })
  const port = String(await freePort())
  // What a test cannot have as the pod has it: addresses, and paths of mounted volumes.
  const here = { ENGINESCOPE_REDIS_URL: redis.url, ENGINESCOPE_AUTH_FILE: path, ENGINESCOPE_PORT: port }
  const ofTests = Object.keys(process.env).filter((name) => name.startsWith('ENGINESCOPE_'))
  const none = Object.fromEntries(ofTests.map((name) => [name, undefined]))
  program = await startEnginescope(['serve'], { env: { ...none, ...settings, ...here }, readyLine: /ready for/ })
  fromCluster = httpClient(`http://${address ?? '127.0.0.1'}:${port}`)
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('the probes are answered without a token', async () => {
  for (const probe of [container?.startupProbe, container?.livenessProbe, container?.readinessProbe])
    expect((await fromCluster.get(probe?.httpGet?.path ?? '')).status).toBe(200)
})

test('Prometheus scrapes without a token, and nobody else comes in without one', async () => {
  expect((await fromCluster.get('/metrics')).text).toContain('enginescope_shards_owned')
  const report = { execId: '1', status: 'running', progress: 0.1, engine: { instance: 'worker-1' } }
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  expect((await fromCluster.post('/api/v1/reports', report)).status).toBe(401)
  expect((await fromCluster.post('/api/v1/reports', report, as(tokens.engines))).json()).toMatchObject({ applied: 1 })
  expect((await fromCluster.get('/api/v1/jobs')).status).toBe(401)
  expect((await fromCluster.get('/api/v1/jobs', as(tokens.people))).status).toBe(200)
})

test('the settings of the manifests make it complain of nothing', () => {
  expect(`${program.stdout()}${program.stderr()}`).not.toMatch(/"level":"(warn|error|fatal)"/)
})

test('SIGTERM ends it in order', async () => {
  program.kill('SIGTERM')
  expect(await program.exited).toMatchObject({ code: 0 })
})
