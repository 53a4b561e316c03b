import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { families } from '../../src/catalogue/families.ts'
import { otherVariables } from '../../src/config/setting-names.ts'
import { settingsTable } from '../../src/config/settings-table.ts'
import { httpClient } from '../support/http.ts'
import { type Program, startEnginescope } from '../support/process.ts'
import { type Fence, pageAt, proseOf, root } from './markdown.ts'

const run = promisify(execFile)
const guides = [
  'README.md',
  'docs/reports.md',
  'docs/reporter.md',
  'docs/operate.md',
  'docs/read.md',
  'docs/architecture.md',
].map(pageAt)

let folder: string
let stack: Program
let addresses: { aggregator: string; prometheus: string | null }
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-docs-'))
  stack = await startEnginescope(['up', '--data', join(folder, 'data'), '--output', 'json', '--port', '0'])
  addresses = JSON.parse(await stack.waitForLine(/^\{"aggregator"/, 60_000))
  // The pages are read beside a demo, where there is always a task.
  const task = { jobId: 'demo', execId: '1', status: 'running', progress: 0.1, engine: { instance: 'demo:1' } }
  await httpClient(addresses.aggregator).post('/api/v1/reports', task)
}, 90_000)
afterAll(async () => {
  await stack.stop(20_000)
  rmSync(folder, { recursive: true, force: true })
})

/** As it stands, but for where things are. */
function adapted(text: string): string {
  return text
    .replaceAll('http://127.0.0.1:7717', addresses.aggregator)
    .replaceAll('http://127.0.0.1:9090', addresses.prometheus ?? 'http://127.0.0.1:9090')
    .replaceAll('npx enginescope', 'node bin/enginescope.js')
    .replaceAll('/tmp/', `${folder}/`)
}

const env = () => ({ ...process.env, ENGINESCOPE_URL: addresses.aggregator, NO_COLOR: '1' })
const isWithoutPart = ({ text }: Fence) => addresses.prometheus === null && text.includes(':9090')

const commands = guides.flatMap(({ path, fences }) =>
  fences
    .filter(({ language, words }) => language === 'sh' && words !== 'manual')
    .map((fence) => [`${path}:${fence.line}`, fence] as const),
)

test.each(commands)('the commands at %s work as they stand', async (_place, fence) => {
  if (isWithoutPart(fence)) return
  const { stdout } = await run('bash', ['-ec', `set -o pipefail\n${adapted(fence.text)}`], { cwd: root, env: env() })
  expect(stdout).not.toMatch(/\{"error":\{"code"/)
  expect(stdout).not.toMatch(/"rejected":[1-9]/)
})

const programs = guides.flatMap(({ path, fences }) =>
  fences.filter(({ language }) => language === 'ts').map((fence) => [`${path}:${fence.line}`, fence] as const),
)

test.each(programs)('the program at %s works as it stands', async (_place, { text }) => {
  await run(process.execPath, ['--input-type=module', '--eval', adapted(text)], { cwd: root, env: env() })
  const job = await httpClient(addresses.aggregator).get('/api/v1/namespaces/default/jobs/model-7')
  expect(job.json()).toMatchObject({ status: 'succeeded', progress: 1, algorithmMetrics: { trainLoss: 0.41 } })
})

const everything = guides.map(({ text }) => text).join('\n')
const unique = (pattern: RegExp, text = everything) => [...new Set([...text.matchAll(pattern)].map(({ 1: word = '' }) => word))]

describe('what the guides name is there', () => {
  test('settings', () => {
    const known = new Set([...settingsTable.flatMap(({ variable }) => [variable, `${variable}_FILE`]), ...otherVariables])
    expect(unique(/\b(ENGINESCOPE_[A-Z_]+[A-Z])\b/g).filter((name) => !known.has(name))).toEqual([])
  })

  test('series', () => {
    const names = unique(/\b(enginescope_[a-z_]+[a-z])(?![\w*<]|_)/g)
    const known = new Set<string>(Object.values(families).map(({ name }) => name))
    const isKnown = (name: string) => known.has(name) || known.has(name.replace(/_(bucket|sum|count)$/, ''))
    expect(names.length).toBeGreaterThan(10)
    expect(names.filter((name) => !isKnown(name))).toEqual([])
  })

  test('routes', async () => {
    const { paths } = (await httpClient(addresses.aggregator).get('/api/v1/openapi.json')).json<{ paths: object }>()
    const shapes = Object.keys(paths).map((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`))
    // That one is Prometheus's own.
    const routes = unique(/(?<!9090)((?:\/api\/|\/-\/)[A-Za-z0-9_/%{}.-]+[A-Za-z0-9}])/g)
    expect(routes.length).toBeGreaterThan(10)
    expect(routes.filter((route) => !shapes.some((shape) => shape.test(route)))).toEqual([])
  })

  test('commands and flags', async () => {
    const help = async (...words: string[]) =>
      (await run(process.execPath, ['bin/enginescope.js', ...words, '--help'], { cwd: root })).stdout
    const main = await help()
    const commandNames = [...main.matchAll(/^ {2}([a-z][a-z-]+) /gm)].map(({ 1: name = '' }) => name)
    const named = unique(/(?:npx |`)enginescope ([a-z][a-z-]+)/g)
    expect(named.filter((name) => !commandNames.includes(name))).toEqual([])
    const helps = (await Promise.all(commandNames.map((name) => help(name)))).join('\n')
    const flags = unique(/`(--[a-z][a-z-]+)/g, guides.map(proseOf).join('\n'))
    expect(flags.filter((flag) => !helps.includes(flag))).toEqual([])
  }, 60_000)
})
