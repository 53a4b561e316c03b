import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { expect, test } from 'vitest'
import { dashboardArtefacts } from '../index.ts'
import { exceptions } from './exceptions.ts'
import { type Rule, ruleNames } from './rule-names.ts'
import { type Finding, lint, panelsOf } from './rules.ts'
import { logqlFaults, promqlFaults, selectorsOf } from './syntax.ts'

const pages = dashboardArtefacts().map(({ text }) => JSON.parse(text) as Dashboard)
const selfPage = () => structuredClone(pages.find(({ uid }) => uid === 'enginescope-self')) as Dashboard

function isExcepted({ rule, dashboard, panel }: Finding): boolean {
  return exceptions.some(
    (exception) =>
      exception.rule === rule &&
      (exception.dashboard ?? dashboard) === dashboard &&
      (exception.panels === undefined || (panel !== undefined && exception.panels.includes(panel))),
  )
}

test.each(pages)('$uid keeps the rules of the dashboard linter', (page) => {
  expect(lint(page).filter((finding) => !isExcepted(finding))).toEqual([])
})

test('no exception is left over from something that has gone', () => {
  const findings = pages.flatMap(lint)
  for (const { rule, panels = [undefined] } of exceptions)
    for (const panel of panels)
      expect(findings.some((finding) => finding.rule === rule && (panel === undefined || finding.panel === panel))).toBe(true)
})

type Fault = (page: Dashboard, panel: Panel & { targets: { expr: string; datasource: { type: string } }[] }) => void

const variable = (page: Dashboard, name: string) =>
  page.templating.list?.find((one) => one.name === name) as unknown as Record<string, unknown>

/** One way to break each rule. */
const faults: Record<Rule, Fault> = {
  'template-datasource': (page) => Object.assign(variable(page, 'prometheus_datasource'), { label: 'Source' }),
  'template-job': (page) => Object.assign(variable(page, 'job'), { allValue: '.*' }),
  'template-instance': (page) => Object.assign(variable(page, 'instance'), { multi: false }),
  'template-label-promql': (page) => Object.assign(variable(page, 'job'), { query: 'label_values(up{, job)' }),
  'template-on-time-change-reload': (page) => Object.assign(variable(page, 'job'), { refresh: 1 }),
  'panel-datasource': (_, panel) => Object.assign(panel, { datasource: { type: 'prometheus', uid: 'prometheus' } }),
  'panel-title-description': (_, panel) => Object.assign(panel, { description: '' }),
  'panel-units': (_, panel) => Object.assign(panel.fieldConfig?.defaults ?? {}, { unit: '' }),
  'panel-no-targets': (_, panel) => Object.assign(panel, { targets: [] }),
  'target-logql': (_, { targets: [target] }) => Object.assign(target ?? {}, { expr: '{a="b" | c', datasource: { type: 'loki' } }),
  'target-logql-auto': (_, { targets: [target] }) =>
    Object.assign(target ?? {}, { expr: 'sum(count_over_time({a="b"} [5m]))', datasource: { type: 'loki' } }),
  'target-promql': (_, { targets: [target] }) =>
    Object.assign(target ?? {}, { expr: 'rate(up{job=~"$job",instance=~"$instance"})' }),
  'target-rate-interval': (_, { targets: [target] }) =>
    Object.assign(target ?? {}, { expr: 'sum(rate(x_total{job=~"$job",instance=~"$instance"}[5m]))' }),
  'target-job': (_, { targets: [target] }) => Object.assign(target ?? {}, { expr: 'max(up{instance=~"$instance"})' }),
  'target-instance': (_, { targets: [target] }) => Object.assign(target ?? {}, { expr: 'max(up{job=~"$job"})' }),
  'target-counter-agg': (_, { targets: [target] }) =>
    Object.assign(target ?? {}, { expr: 'sum(x_total{job=~"$job",instance=~"$instance"})' }),
  'uneditable-dashboard': (page) => Object.assign(page, { editable: true }),
}

test.each(ruleNames)('a page that breaks %s is objected to', (rule) => {
  const page = selfPage()
  const before = lint(page).filter((finding) => finding.rule === rule).length
  const panel = panelsOf(page).find(({ type }) => type === 'timeseries')
  faults[rule](page, panel as Parameters<Fault>[1])
  expect(lint(page).filter((finding) => finding.rule === rule)).toHaveLength(before + 1)
})

test.each([
  ['a function that is none', 'foo(up)'],
  ['a rate of no window', 'rate(up)'],
  ['too few arguments', 'histogram_quantile(0.9)'],
  ['an open brace', 'sum(up{job="a")'],
  ['grouping in a set operation', 'a and on (b) group_left () c'],
])('PromQL with %s is objected to', (_, query) => {
  expect(promqlFaults(query)).not.toEqual([])
})

test('LogQL with an open brace is objected to', () => {
  expect(logqlFaults('{a="b" | c')).not.toEqual([])
})

test('selectors are found with their labels, windows and what is around them', () => {
  expect(selectorsOf('sum by (a, b) (rate(x_total{job=~".+", c!="d"}[1m])) / max without (instance) (y)')).toEqual([
    {
      name: 'x_total',
      labels: ['job', 'c'],
      window: '1m',
      around: [{ name: 'rate' }, { name: 'sum', by: ['a', 'b'] }],
    },
    { name: 'y', labels: [], window: undefined, around: [{ name: 'max', without: ['instance'] }] },
  ])
})
