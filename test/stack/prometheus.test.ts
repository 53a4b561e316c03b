import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { composeOf, textOf } from './compose-file.ts'
import { checkConfig, hasPromtool } from './promtool.ts'

const inStack = parse(textOf('deploy/compose/prometheus.yml'))
const shipped = parse(textOf('prometheus/prometheus.yml'))
const services = composeOf(['docker-compose.yml']).services

type Job = { job_name: string; static_configs?: { targets: string[] }[]; dns_sd_configs?: { names: string[]; port: number }[] }
const jobOf = (config: { scrape_configs: Job[] }, name: string) => config.scrape_configs.find((job) => job.job_name === name)

/** A job without where it finds its targets. */
function howOf(job: Job | undefined) {
  const {
    static_configs: _static,
    dns_sd_configs: _dns,
    file_sd_configs: _file,
    http_sd_configs: _http,
    ...how
  } = { ...job } as Record<string, unknown>
  return how
}

describe('the Prometheus of the stack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'enginescope-prometheus-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('scrapes the aggregator in the very way of the shipped configuration', () => {
    expect(howOf(jobOf(inStack, 'enginescope'))).toEqual(howOf(jobOf(shipped, 'enginescope')))
    expect(inStack.global).toEqual(shipped.global)
    expect(inStack.rule_files).toEqual(shipped.rule_files)
  })

  test('finds every replica of the aggregator, by the name that all of them have', () => {
    expect(jobOf(inStack, 'enginescope')?.dns_sd_configs).toMatchObject([{ names: ['enginescope'], port: 7717 }])
    expect(services).toHaveProperty('enginescope')
  })

  test('scrapes and alerts only what is in the stack', () => {
    const targets = (inStack.scrape_configs as Job[]).flatMap((job) =>
      (job.static_configs ?? []).flatMap((group) => group.targets),
    )
    const alerting = inStack.alerting.alertmanagers.flatMap((group: Job) =>
      (group.static_configs ?? []).flatMap(({ targets: all }) => all),
    )
    expect(alerting).toEqual(['alertmanager:9093'])
    const hosts = [...targets, ...alerting].map((target: string) => target.split(':')[0])
    expect(hosts.filter((host) => host !== '127.0.0.1' && services[String(host)] === undefined)).toEqual([])
  })

  test.runIf(hasPromtool)('has a configuration that Prometheus takes (skipped where promtool is not installed)', () => {
    const path = join(folder, 'prometheus.yml')
    writeFileSync(path, textOf('deploy/compose/prometheus.yml'))
    const { status, output } = checkConfig(path)
    expect(status, output).toBe(0)
  })

  test('has the rules beside its configuration, where it looks for them', () => {
    expect(services['prometheus']?.volumes).toEqual(
      expect.arrayContaining([
        './prometheus/rules:/etc/prometheus/rules:ro',
        './deploy/compose/prometheus.yml:/etc/prometheus/prometheus.yml:ro',
      ]),
    )
  })
})
