import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { severities } from '../../catalogue/alerts/alert.ts'
import { ruleGroups } from '../../catalogue/alerts/groups.ts'
import { defaultRuleOptions } from '../../catalogue/alerts/options.ts'
import { families } from '../../catalogue/families.ts'
import type { Metric } from '../../catalogue/index.ts'

const pathOf = (file: string) => fileURLToPath(new URL(`../../../prometheus/${file}`, import.meta.url))
const read = (file: string): unknown => parse(readFileSync(pathOf(file), 'utf8'))
const has = (program: string) => spawnSync(program, ['--version']).error === undefined
const run = (program: string, args: readonly string[]) => spawnSync(program, args, { encoding: 'utf8' })

const alerts = ruleGroups(defaultRuleOptions).flatMap((group) => group.alerts)

describe('prometheus.yml', () => {
  const relabelling = z.object({
    source_labels: z.array(z.string()),
    regex: z.string(),
    target_label: z.literal('instance'),
    replacement: z.literal(''),
  })
  const config = z
    .object({
      rule_files: z.array(z.string()),
      scrape_configs: z.array(
        z.looseObject({
          job_name: z.string(),
          honor_labels: z.boolean().optional(),
          metric_relabel_configs: z.array(relabelling).optional(),
        }),
      ),
    })
    .loose()
    .parse(read('prometheus.yml'))
  const scrape = config.scrape_configs.find(({ job_name }) => job_name === defaultRuleOptions.job)

  /** Whether `instance` is cleared on a series, as Prometheus would: the regex is anchored, absent labels are empty. */
  function clearsInstance(name: string, labels: readonly string[]): boolean {
    const textOf = (label: string) => (label === '__name__' ? name : labels.includes(label) ? 'some:1' : '')
    return (scrape?.metric_relabel_configs ?? []).some(({ source_labels, regex }) =>
      new RegExp(`^(?:${regex})$`).test(source_labels.map(textOf).join(';')),
    )
  }

  const printed = Object.values<Metric>(families).flatMap(({ name, type, labels, group }) => {
    const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name]
    return names.map((each) => [each, labels, group !== 'own'] as const)
  })

  test.each(printed)('%s has no instance exactly if it is shared', (name, labels, isShared) => {
    expect(clearsInstance(name, labels)).toBe(isShared)
  })

  test('keeps the labels that the aggregator gives, and leaves the series of other programs alone', () => {
    expect(scrape?.honor_labels).toBe(true)
    for (const name of ['up', 'process_cpu_seconds_total', 'scrape_duration_seconds'])
      expect(clearsInstance(name, [])).toBe(false)
  })

  test('finds every rule file that is shipped', () => {
    expect(config.rule_files).toEqual(['rules/*.yml'])
  })

  test.skipIf(!has('promtool'))('is good for promtool (skipped where it is not installed)', () => {
    const done = run('promtool', ['check', 'config', pathOf('prometheus.yml')])
    expect(done.status, done.stdout + done.stderr).toBe(0)
  })
})

describe('alertmanager.yml', () => {
  const inhibition = z.object({
    source_matchers: z.array(z.string()),
    target_matchers: z.array(z.string()),
    equal: z.array(z.string()),
  })
  const { inhibit_rules: inhibitions } = z
    .object({ inhibit_rules: z.array(inhibition) })
    .loose()
    .parse(read('alertmanager.yml'))

  /** Whether all matchers take an alert of that name. Every matcher of ours is about `alertname`. */
  function takes(matchers: readonly string[], name: string): boolean {
    return matchers.every((matcher) => {
      const [, operator, pattern = ''] = /^alertname(=~|!=|=)"(.*)"$/.exec(matcher) ?? []
      if (operator === undefined) throw new Error(`cannot read ${matcher}`)
      if (operator === '=~') return new RegExp(`^(?:${pattern})$`).test(name)
      return (operator === '=') === (name === pattern)
    })
  }

  const pairs = inhibitions.map(({ source_matchers, target_matchers, equal }) => {
    const sources = alerts.filter(({ name }) => takes(source_matchers, name))
    const targets = alerts.filter(({ name }) => takes(target_matchers, name))
    return [source_matchers.join(' '), { sources, targets, equal }] as const
  })

  test.each(pairs)('%s is one alert, holds back others, and never itself', (_source, { sources, targets }) => {
    expect(sources).toHaveLength(1)
    expect(targets.length).toBeGreaterThan(0)
    for (const source of sources) expect(targets).not.toContain(source)
  })

  test.each(pairs)('%s shares with its targets each label that must be equal', (_source, { sources, targets, equal }) => {
    for (const alert of [...sources, ...targets]) {
      const carried = [...alert.expr.labels, ...Object.keys(alert.labels)]
      for (const label of equal) expect(carried, alert.name).toContain(label)
    }
  })

  test('names only alerts that exist', () => {
    const named = JSON.stringify(inhibitions).match(/Enginescope[A-Z][A-Za-z]+/g) ?? []
    for (const name of named) expect(alerts.map((alert) => alert.name)).toContain(name)
  })

  describe.skipIf(!has('amtool'))('for amtool (skipped where it is not installed)', () => {
    const config = `--config.file=${pathOf('alertmanager.yml')}`
    const receivers = { critical: 'page', warning: 'ticket', info: 'quiet' } as const

    test('is good', () => expect(run('amtool', ['check-config', pathOf('alertmanager.yml')]).status).toBe(0))

    test.each(severities)('takes an alert of severity %s to its receiver', (severity) => {
      const { status, stdout } = run('amtool', ['config', 'routes', 'test', config, `severity=${severity}`, 'alertname=X'])
      expect([status, stdout.trim()]).toEqual([0, receivers[severity]])
    })
  })
})
