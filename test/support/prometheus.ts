import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { httpClient } from './http.ts'
import { freePort } from './ports.ts'
import { startProgram } from './process.ts'

/** Whether Prometheus and promtool are installed. */
export const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined

export type QueryResult = { readonly metric: Readonly<Record<string, string>>; readonly value: number }

/** A real Prometheus with a data folder of its own. */
export type Prometheus = {
  /** The answer to an instant query. */
  readonly query: (text: string) => Promise<QueryResult[]>
  readonly stop: () => Promise<void>
}

/** Starts one that scrapes these addresses (`127.0.0.1:7717`) every second, with `honor_labels`, and waits until it is ready. */
export async function startPrometheus(targets: readonly string[]): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'enginescope-prometheus-'))
  const port = await freePort()
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'enginescope', honor_labels: true, static_configs: [{ targets }] }],
  }
  const file = join(folder, 'prometheus.yml')
  await writeFile(file, JSON.stringify(config)) // JSON is YAML too.
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`]
  const program = await startProgram('prometheus', args, { readyLine: /Server is ready to receive web requests/ })
  const client = httpClient(`http://127.0.0.1:${port}`)
  return {
    query: async (text) => {
      const answer = await client.get(`/api/v1/query?query=${encodeURIComponent(text)}`)
      const { data } = answer.json<{ data: { result: { metric: Record<string, string>; value: [number, string] }[] } }>()
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    stop: async () => {
      await program.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What `promtool check metrics` says of an exposition; `''` = it is content. */
export function promtoolCheck(text: string): string {
  const done = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  return done.status === 0 ? done.stdout + done.stderr : `left with ${done.status}: ${done.stdout}${done.stderr}`
}
