import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { formatDuration } from '../../config/units.ts'
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
  /** How often it scrapes and evaluates rules. */
  readonly scrapeIntervalMs: number
  /** Rule files, with a `*` in the name, instead of the shipped ones. */
  readonly rules: string | undefined
}

/** The configuration as YAML. @param rules absolute path of the rule files, with a `*` */
export function prometheusConfig(
  { target, alertmanager, scrapeIntervalMs }: Pick<PrometheusOptions, 'target' | 'alertmanager' | 'scrapeIntervalMs'>,
  rules: string | undefined,
): string {
  const interval = formatDuration(scrapeIntervalMs)
  const header = '# Written anew at every start of `enginescope up`; changes here are lost.\n'
  return (
    header +
    stringify({
      global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
      ...(rules === undefined ? {} : { rule_files: [rules] }),
      ...(alertmanager === undefined ? {} : { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] } }),
      // Shared series carry their own identity and must keep it.
      scrape_configs: [{ job_name: 'enginescope', honor_labels: true, static_configs: [{ targets: [target] }] }],
    })
  )
}

/** Where the rules are: Prometheus would look for a relative path beside its configuration. */
function rulePath(own: string | undefined): string | undefined {
  if (own !== undefined) return resolve(own)
  const folder = shipped('prometheus', 'rules')
  return folder === undefined ? undefined : join(folder, '*.yml')
}

/** Starts Prometheus on loopback and waits until it is ready. @throws StackError with the end of its log */
export async function startPrometheusChild(around: Surroundings, options: PrometheusOptions): Promise<PrometheusChild> {
  const folder = around.data.folder('prometheus')
  const configPath = join(folder, 'prometheus.yml')
  writeFileSync(configPath, prometheusConfig(options, rulePath(options.rules)))
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
