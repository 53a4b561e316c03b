import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ruleGroups } from '../../catalogue/alerts/groups.ts'
import { defaultRuleOptions } from '../../catalogue/alerts/options.ts'
import { dashboards } from '../../catalogue/dashboards.ts'
import { families, foreignSeries } from '../../catalogue/families.ts'
import { kubeSeries } from '../../catalogue/kube/index.ts'
import { promqlFaults, selectorsOf } from '../dashboards/lint/syntax.ts'
import { annotationTemplates } from './annotations.ts'
import { caseFiles, healthyFleet } from './cases/index.ts'
import { ruleFile } from './rule-file.ts'

const groups = ruleGroups(defaultRuleOptions)
const alerts = groups.flatMap((group) => group.alerts)
const records = groups.flatMap((group) => group.records)
const cases = caseFiles.flatMap((file) => file.alerts ?? [])
const byName = alerts.map((alert) => [alert.name, alert] as const)
const recordNames = new Set(records.map(({ record }) => record))

/** Every series that scraping may bring, with the suffixes of histograms. */
const scraped = new Set(
  [...Object.values(families), ...Object.values(foreignSeries), ...kubeSeries].flatMap((metric) =>
    'type' in metric && metric.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => metric.name + suffix)
      : [metric.name],
  ),
)

const seriesOf = (query: string) => new Set(selectorsOf(query).map(({ name }) => name))

describe.each(byName)('%s', (_name, alert) => {
  const templates = annotationTemplates(alert, defaultRuleOptions)

  test('reads only series that exist', () => {
    expect(promqlFaults(alert.expr.text)).toEqual([])
    for (const series of seriesOf(alert.expr.text)) expect(scraped.has(series) || recordNames.has(series), series).toBe(true)
  })

  test('fills in only labels that survive its expression', () => {
    const used = [...JSON.stringify(templates).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
    for (const label of used) expect(alert.expr.labels).toContain(label)
  })

  test('links to a dashboard that exists and sets only variables that it has', () => {
    const url = new URL(templates.dashboard_url)
    const dashboard = Object.values(dashboards).find(({ uid }) => url.pathname === `/d/${uid}`)
    const set = [...url.searchParams.keys()].filter((key) => key.startsWith('var-')).map((key) => key.slice(4))
    expect(dashboard).toBeDefined()
    expect(set).toContain('job')
    for (const variable of set) expect(dashboard?.variables).toContain(variable)
    for (const label of alert.variables) expect(alert.expr.labels).toContain(label)
  })

  test('has a summary that is one static sentence', () => {
    expect(alert.summary).toMatch(/^[A-Z][^{}]*\.$/)
    expect(alert.labels['severity']).toBe(alert.severity)
  })

  test('has a case that says when it must be silent, a minute before it fires', () => {
    const own = cases.filter((each) => each.alert === alert.name)
    expect(own.length).toBeGreaterThan(0)
    for (const { lastSilentMinute, firstFiringMinute } of own) expect(firstFiringMinute).toBe(lastSilentMinute + 1)
  })
})

test('no name is given twice', () => {
  const names = [...alerts.map(({ name }) => name), ...recordNames]
  expect(new Set(names).size).toBe(alerts.length + records.length)
})

test('in each file the recording rules stand before the alerts that rest on them', () => {
  for (const group of groups) {
    const { groups: written } = parse(ruleFile(group, defaultRuleOptions).text) as { groups: { rules: object[] }[] }
    const kinds = written.flatMap(({ rules }) => rules.map((rule) => ('record' in rule ? 'record' : 'alert')))
    expect(kinds).toEqual([...kinds].sort().reverse())
    const own = new Set(group.records.map(({ record }) => record))
    const used = group.alerts.flatMap(({ expr }) => [...seriesOf(expr.text)]).filter((series) => series.includes(':'))
    for (const record of used) expect(own.has(record), record).toBe(true)
  }
})

test('recording rules are named by their labels, read series that exist, and are each tried', () => {
  const tried = new Set(caseFiles.flatMap((file) => file.records ?? []).map(({ record }) => record))
  for (const { record, expr } of records) {
    expect(promqlFaults(expr.text)).toEqual([])
    for (const series of seriesOf(expr.text)) expect(scraped.has(series), series).toBe(true)
    const level = expr.labels.filter((label) => label !== 'job').join('_')
    const words: Readonly<Record<string, string>> = { '': 'job', namespace_job_id: 'job', namespace_job_id_node: 'node' }
    expect(record.split(':')[0]).toBe(words[level] ?? level)
    expect(tried.has(record), record).toBe(true)
  }
})

test('the healthy fleet has every series that a rule reads, or its silence would prove nothing', () => {
  const there = new Set(healthyFleet.map(({ name }) => name))
  const read = [...alerts, ...records].flatMap(({ expr }) => [...seriesOf(expr.text)]).filter((series) => scraped.has(series))
  for (const series of new Set(read)) expect(there.has(series), series).toBe(true)
})

test('addresses, the job and thresholds are options', () => {
  const options = {
    ...defaultRuleOptions,
    job: 'es',
    grafanaUrl: 'https://g.example',
    runbookUrl: 'https://wiki.example/es',
    thresholds: { ...defaultRuleOptions.thresholds, successObjectiveRatio: 0.999, engineRestartsMax: 7 },
  }
  const text = ruleGroups(options)
    .map((group) => ruleFile(group, options).text)
    .join('')
  expect(text).toContain('absent(up{job="es"} == 1)')
  expect(text).toContain('https://wiki.example/es#enginescopedown')
  expect(text).toContain('https://g.example/d/enginescope-self?var-job=es&')
  expect(text).toContain('[15m]) > 7')
  expect(text).toContain('ratio_rate1h > 0.0144\n')
})

test('a trial may have all lengths of time shorter', () => {
  const written = (timeScale: number) => {
    const [group] = groups
    if (group === undefined) throw new Error('there is no group')
    const { groups: made } = parse(ruleFile(group, { ...defaultRuleOptions, timeScale }).text) as {
      groups: { interval: string; rules: { alert?: string; for?: string; expr: string }[] }[]
    }
    return made[0]
  }
  const ruleOf = (name: string) => written(1 / 20)?.rules.find(({ alert }) => alert === name)
  expect([written(1)?.interval, written(1 / 20)?.interval]).toEqual(['30s', '1500ms'])
  expect(ruleOf('EnginescopeEngineDown')).toMatchObject({ for: '6s' })
  expect(ruleOf('EnginescopeTasksLost')).toMatchObject({ for: '0m', expr: expect.stringContaining('[30s]') })
})
