import { stringify } from 'yaml'
import type { Alert } from '../../catalogue/alerts/alert.ts'
import type { RuleOptions } from '../../catalogue/alerts/options.ts'
import type { Artefact } from '../artefact.ts'
import { annotationsFired } from './annotations.ts'
import type { AlertCase, InputSeries, RecordCase } from './cases/case.ts'
import { type CaseFile, caseFiles, healthyFleet, healthyMinutes } from './cases/index.ts'

const replicaCounts = [1, 3] as const
type ReplicaCount = (typeof replicaCounts)[number]

const instances = ['a:7717', 'b:7717', 'c:7717'] as const

/** Tests for promtool, made from the cases: one file for each list of them, and one that the healthy are left in peace. */
export function ruleTests(alerts: readonly Alert[], options: RuleOptions): readonly Artefact[] {
  const known = new Map(alerts.map((alert) => [alert.name, alert]))
  return [
    ...caseFiles.map((file) => testFile(file.name, testsOf(file, known, options))),
    testFile(
      'healthy',
      replicaCounts.map((replicas) => healthyTest(replicas, options)),
    ),
  ]
}

function testFile(name: string, tests: readonly object[]): Artefact {
  const header = `# Generated from src/generate/rules/cases by \`npm run generate\`; changes here are lost.\n`
  const body = stringify({ rule_files: ['../rules/enginescope.yml'], evaluation_interval: '1m', tests }, { lineWidth: 0 })
  return { path: `prometheus/tests/${name}.yml`, text: `${header}${body}` }
}

function testsOf(file: CaseFile, known: ReadonlyMap<string, Alert>, options: RuleOptions): object[] {
  const ofAlerts = (file.alerts ?? []).flatMap((each) => {
    const alert = known.get(each.alert)
    if (alert === undefined) throw new RangeError(`there is no alert ${each.alert}`)
    return countsFor(each.input).map((replicas) => alertTest(alert, each, replicas, options))
  })
  const ofRecords = (file.records ?? []).flatMap((each) =>
    countsFor(each.input).map((replicas) => recordTest(each, replicas, options)),
  )
  return [...ofAlerts, ...ofRecords]
}

/** Only series of which every replica has its own can differ with their number. */
function countsFor(input: readonly InputSeries[]): readonly ReplicaCount[] {
  return input.some(({ samples }) => typeof samples !== 'string') ? replicaCounts : [1]
}

function alertTest(alert: Alert, given: AlertCase, replicas: ReplicaCount, options: RuleOptions): object {
  const { labels, description, lastSilentMinute, firstFiringMinute, because } = given
  const fired = {
    exp_labels: { ...alert.labels, job: options.job, ...labels },
    exp_annotations: annotationsFired(alert, options, description, { job: options.job, ...labels }),
  }
  return {
    name: titleOf(`${alert.name}: silent at ${lastSilentMinute}m, fires at ${firstFiringMinute}m`, replicas, because),
    interval: '1m',
    input_series: inputOf(given.input, replicas, options),
    alert_rule_test: [
      { eval_time: `${lastSilentMinute}m`, alertname: alert.name, exp_alerts: [] },
      { eval_time: `${firstFiringMinute}m`, alertname: alert.name, exp_alerts: [fired] },
    ],
  }
}

function recordTest(given: RecordCase, replicas: ReplicaCount, options: RuleOptions): object {
  // promtool 2.42 compares exactly, and rates are sums of binary fractions.
  const expr = `round(${given.record}, 0.001)`
  const samples = [given, ...(given.others ?? [])].map(({ labels, value }) => ({
    labels: seriesText('', { job: options.job, ...labels }),
    value,
  }))
  return {
    name: titleOf(`${given.record} at ${given.minute}m`, replicas, given.because),
    interval: '1m',
    input_series: inputOf(given.input, replicas, options),
    promql_expr_test: [{ expr, eval_time: `${given.minute}m`, exp_samples: samples }],
  }
}

/** ALERTS holds whatever was pending or firing at any time: it must never have had a firing sample. */
function healthyTest(replicas: ReplicaCount, options: RuleOptions): object {
  const expr = `count_over_time(ALERTS{alertstate="firing"}[${healthyMinutes}m])`
  return {
    name: titleOf('a healthy fleet is silent', replicas),
    interval: '1m',
    input_series: inputOf(healthyFleet, replicas, options),
    promql_expr_test: [{ expr, eval_time: `${healthyMinutes}m`, exp_samples: [] }],
  }
}

function titleOf(what: string, replicas: ReplicaCount, because?: string): string {
  const title = replicas === 1 ? what : `${what}, with three replicas`
  return because === undefined ? title : `${title} (${because})`
}

function inputOf(input: readonly InputSeries[], replicas: ReplicaCount, { job }: RuleOptions) {
  return input.flatMap(({ name, labels, samples }) => {
    if (typeof samples === 'string') return [{ series: seriesText(name, { job, ...labels }), values: samples }]
    const perReplica = replicas === 1 ? [samples.one] : samples.three
    return perReplica.map((values, index) => ({
      series: seriesText(name, { job, instance: instances[index] ?? '', ...labels }),
      values,
    }))
  })
}

function seriesText(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return `${name}{${pairs.join(', ')}}`
}
