import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { anchorOf } from '../../catalogue/alerts/alert.ts'
import { ruleGroups } from '../../catalogue/alerts/groups.ts'
import { defaultRuleOptions } from '../../catalogue/alerts/options.ts'
import { families } from '../../catalogue/families.ts'
import { kubeSeries } from '../../catalogue/kube/index.ts'
import { recordingRules } from '../../catalogue/rules.ts'
import { settingsTable } from '../../config/settings-table.ts'
import { promqlFaults, selectorsOf } from '../dashboards/lint/syntax.ts'

const text = readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8')
const alerts = ruleGroups(defaultRuleOptions).flatMap((group) => group.alerts)

/** What follows each heading of an alert, by the anchor that a reader's browser jumps to. */
const entries = new Map(
  text
    .split(/^### /m)
    .slice(1)
    .map((entry) => {
      const [heading = '', ...body] = entry.split('\n')
      return [heading.trim().toLowerCase(), body.join('\n').split(/^## /m)[0] ?? ''] as const
    }),
)

/** Series by name, with the labels that a query may ask for. */
const known = new Map<string, readonly string[]>([
  ...Object.values(families).flatMap((metric): [string, readonly string[]][] => {
    const labels = ['job', ...(metric.group === 'own' ? ['instance'] : []), ...metric.labels]
    if (metric.type !== 'histogram') return [[metric.name, labels]]
    return [
      [`${metric.name}_bucket`, [...labels, 'le']],
      [`${metric.name}_sum`, labels],
      [`${metric.name}_count`, labels],
    ]
  }),
  ...Object.values(recordingRules).map(({ record, expr }): [string, readonly string[]] => [record, expr.labels]),
  ...kubeSeries.map(({ name, labels }): [string, readonly string[]] => [name, ['job', ...labels]]),
  // Of Prometheus and of prom-client.
  ...[
    'up',
    'scrape_duration_seconds',
    'process_start_time_seconds',
    'process_cpu_seconds_total',
    'nodejs_eventloop_lag_p99_seconds',
  ].map((name): [string, readonly string[]] => [name, ['job', 'instance']]),
])

const queriesOf = (entry: string) =>
  [...entry.matchAll(/```promql\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'))

describe.each(alerts.map((alert) => [alert.name, entries.get(anchorOf(alert)) ?? ''] as const))('%s', (_name, entry) => {
  test('has an entry that says what it means, what it does, where to look, what to do, and when it is harmless', () => {
    const parts = [...entry.matchAll(/^\*\*([A-Z][a-z ]+)\*?\*?/gm)].map(([, part]) => part?.trim())
    expect(parts).toEqual(['Means', 'Impact', 'Look first', 'Do', 'Harmless'])
  })

  test('has three queries, which are sound and ask for series and labels that exist', () => {
    const queries = queriesOf(entry)
    expect(queries).toHaveLength(3)
    for (const query of queries) {
      expect(promqlFaults(query), query).toEqual([])
      for (const { name, labels } of selectorsOf(query)) {
        expect(known.has(name), name).toBe(true)
        for (const label of labels) expect(known.get(name), query).toContain(label)
      }
    }
  })
})

test('has no entry for an alert that does not exist', () => {
  expect([...entries.keys()].sort()).toEqual(alerts.map(anchorOf).sort())
})

test('links only to entries and pages that exist', () => {
  for (const [, target = ''] of text.matchAll(/\]\(#([a-z]+)\)/g)) expect(entries.has(target), target).toBe(true)
  for (const [, page = ''] of text.matchAll(/\]\((reference\/[a-z]+\.md)\)/g)) {
    expect(() => readFileSync(new URL(`../../../docs/${page}`, import.meta.url))).not.toThrow()
  }
})

test('names only settings that exist', () => {
  // These come with the runtime monitors; the table of settings does not have them yet.
  const later = new Set(['ENGINESCOPE_RUNTIME_NETWORKS', 'ENGINESCOPE_URL'])
  const settings = new Set(settingsTable.map(({ variable }) => variable))
  for (const [name] of text.matchAll(/ENGINESCOPE_[A-Z_]+/g)) expect(settings.has(name) || later.has(name), name).toBe(true)
})
