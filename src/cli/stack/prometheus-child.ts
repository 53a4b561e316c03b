import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { answersOk, type StackChild } from './child.ts'
import { shipped } from './package-folder.ts'
import { type Surroundings, startPart } from './part.ts'

/** Prometheus, scraping the aggregator. */
export type PrometheusChild = StackChild & { readonly url: string }

export type PrometheusOptions = {
  readonly program: string
  readonly port: number
  /** `host:port` of the aggregator. */
  readonly target: string
  /** `host:port` of Alertmanager, if there is one. */
  readonly alertmanager: string | undefined
}

/** The configuration as YAML. @param rules path of the shipped rule files, with a `*` */
export function prometheusConfig(options: Pick<PrometheusOptions, 'target' | 'alertmanager'>, rules: string | undefined): string {
  const { target, alertmanager } = options
  const header = '# Written anew at every start of `enginescope up`; changes here are lost.\n'
  return (
    header +
    stringify({
      global: { scrape_interval: '5s', scrape_timeout: '5s', evaluation_interval: '5s' },
      ...(rules === undefined ? {} : { rule_files: [rules] }),
      ...(alertmanager === undefined ? {} : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
      // Shared series carry their own identity and must keep it.
      scrape_configs: [{ job_name: 'enginescope', honor_labels: true, static_configs: [{ targets: [target] }] }],
    })
  )
}

/** Starts Prometheus on loopback and waits until it is ready. @throws StackError with the end of its log */
export async function startPrometheusChild(around: Surroundings, options: PrometheusOptions): Promise<PrometheusChild> {
  const folder = around.data.folder('prometheus')
  const configPath = join(folder, 'prometheus.yml')
  const rules = shipped('prometheus', 'rules')
  writeFileSync(configPath, prometheusConfig(options, rules === undefined ? undefined : join(rules, '*.yml')))
  const address = `127.0.0.1:${options.port}`
  const url = `http://${address}`
  const child = await startPart(around, {
    name: 'prometheus',
    command: [
      options.program,
      `--config.file=${configPath}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--storage.tsdb.retention.time=15d',
      '--storage.tsdb.retention.size=2GB',
      `--web.listen-address=${address}`,
    ],
    graceMs: 15_000,
    isReady: () => answersOk(`${url}/-/ready`),
    readyTimeoutMs: 60_000,
  })
  return { ...child, url }
}
