/** A whole stack as `enginescope up` brings it up, watched closely: scraped every second, by rules in which time runs faster. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { ruleGroups } from '../../src/catalogue/alerts/groups.ts'
import { defaultRuleOptions, type RuleOptions } from '../../src/catalogue/alerts/options.ts'
import { ruleFile } from '../../src/generate/rules/rule-file.ts'
import { type HttpClient, httpClient } from './http.ts'
import { type Program, startEnginescope, startProgram } from './process.ts'

/** An alert as Alertmanager has it. */
export type HeldAlert = {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly status: { readonly state: 'active' | 'suppressed' | 'unprocessed'; readonly inhibitedBy: readonly string[] }
}

/** The answer of Prometheus to a query: how many series with a number that can be drawn, or what it has against it. */
export type Asked = { readonly series: number; readonly error?: string }

export type WatchedStack = {
  readonly url: string
  readonly aggregator: HttpClient
  readonly prometheus: HttpClient
  /** Now, or at every second since the start of the stack. */
  readonly ask: (expression: string, when: 'now' | 'since the start') => Promise<Asked>
  readonly alerts: () => Promise<HeldAlert[]>
  /** Starts an example as an engine, at low priority. @param args e.g. `['prime-sieve.js', '--below', '1000']` */
  readonly startEngine: (...args: readonly string[]) => Promise<Program>
  /** Stops engines and stack, and removes the folder. */
  readonly stop: () => Promise<void>
}

export type WatchedStackOptions = {
  /** By variable without the prefix: `{ LOST_AFTER: '2s' }`. */
  readonly settings: Readonly<Record<string, string>>
  readonly rules: Partial<RuleOptions>
}

/** Starts it on free ports. @throws with its output when it does not come up within a minute */
export async function startWatchedStack({ settings, rules }: WatchedStackOptions): Promise<WatchedStack> {
  const folder = mkdtempSync(join(tmpdir(), 'enginescope-watched-'))
  const variables = Object.entries(settings).map(([name, value]) => [`ENGINESCOPE_${name}`, value])
  const args = ['--data', join(folder, 'data'), '--rules', writeRules(join(folder, 'rules'), rules), '--scrape-interval', '1s']
  const ports = ['--port', '0', '--prometheus-port', '0', '--alertmanager-port', '0']
  const startedSeconds = Date.now() / 1000
  const stack = await startEnginescope(['up', '--output', 'json', ...args, ...ports], { env: Object.fromEntries(variables) })
  const line = await stack.waitForLine(/^\{"aggregator"/, 60_000)
  const urls = JSON.parse(line) as { aggregator: string; prometheus: string; alertmanager: string }
  const prometheus = httpClient(urls.prometheus)
  const alertmanager = httpClient(urls.alertmanager)
  const engines: Program[] = []
  return {
    url: urls.aggregator,
    aggregator: httpClient(urls.aggregator),
    prometheus,
    ask: (expression, when) => ask(prometheus, expression, when === 'now' ? undefined : startedSeconds),
    alerts: async () => (await alertmanager.get('/api/v2/alerts')).json<HeldAlert[]>(),
    startEngine: async (file = '', ...flags) => {
      const command = ['-n', '10', process.execPath, `dist/examples/${file}`, ...flags]
      const engine = await startProgram('nice', command, { env: { ENGINESCOPE_URL: urls.aggregator } })
      engines.push(engine)
      return engine
    },
    stop: async () => {
      await Promise.all(engines.map((engine) => engine.stop()))
      await stack.stop(30_000)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function writeRules(folder: string, changes: Partial<RuleOptions>): string {
  const options = { ...defaultRuleOptions, ...changes }
  mkdirSync(folder)
  for (const { path, text } of ruleGroups(options).map((group) => ruleFile(group, options)))
    writeFileSync(join(folder, basename(path)), text)
  return join(folder, '*.yml')
}

async function ask(prometheus: HttpClient, query: string, sinceSeconds: number | undefined): Promise<Asked> {
  const range = sinceSeconds === undefined ? {} : { start: String(sinceSeconds), end: String(Date.now() / 1000), step: '1' }
  const path = sinceSeconds === undefined ? 'query' : 'query_range'
  const answer = await prometheus.get(`/api/v1/${path}?${new URLSearchParams({ query, ...range })}`)
  type Sample = readonly [atSeconds: number, value: string]
  type Series = { readonly value?: Sample; readonly values?: readonly Sample[] }
  const { data, error } = answer.json<{ data?: { result: readonly Series[] }; error?: string }>()
  const drawn = (data?.result ?? []).filter(({ value, values = [] }) =>
    [...values, ...(value === undefined ? [] : [value])].some(([, number]) => number !== 'NaN'),
  )
  return { series: drawn.length, ...(error === undefined ? {} : { error }) }
}
