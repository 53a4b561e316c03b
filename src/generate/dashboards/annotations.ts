import { type AnnotationQuery, AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder as LokiQueryBuilder } from '@grafana/grafana-foundation-sdk/loki'
import { DataqueryBuilder as PrometheusQueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { metrics } from '../../catalogue/index.ts'
import { like, oneOf } from '../../catalogue/select.ts'
import { stateColours } from './colours.ts'
import { above, type Expression, increase } from './query/expression.ts'
import { linesOf } from './query/logql.ts'
import { scopeOf } from './query/selector.ts'
import { lokiSource, prometheusSource } from './variables.ts'

/** Alerts that belong to us, by the first word of their names. */
export const alertNames = '(Enginescope|Sedna).+'

/** A query whose answers are drawn as marks over every graph. */
export type Annotation = {
  readonly name: string
  readonly expression: Expression
  readonly colour: string
  readonly title: string
  readonly text: string
  readonly tags: string
}

/** The marks of a page: alerts, engines that started anew and, where the page knows of log lines, jobs that ended badly. */
export function annotationsOf(variables: readonly string[], needsLoki: boolean, marksStages = false): Annotation[] {
  const scope = scopeOf(variables)
  const alerts = { name: 'ALERTS', unit: 'flag', labels: ['alertname', 'alertstate', 'severity'] } as const
  const marks: Annotation[] = [
    {
      name: 'Firing alerts',
      expression: scope.foreign(alerts, { alertname: like(alertNames), alertstate: 'firing' }),
      colour: 'red',
      title: '{{alertname}}',
      text: '{{severity}} {{engine}} {{task_type}} {{job_id}}',
      tags: 'alertname,severity',
    },
    {
      name: 'Engine restarts',
      expression: above(0, increase(scope.series(metrics.engineRestarts), '$__interval')),
      colour: 'orange',
      title: 'Engine restarted',
      text: '{{engine}} ({{engine_type}})',
      tags: 'engine_type',
    },
  ]
  if (!needsLoki) return marks
  if (marksStages) marks.push(stageChanges(variables))
  marks.push({
    name: 'Failed job ends',
    expression: linesOf(variables, [
      ...(variables.includes('job_id') ? [{ job_id: like('$job_id') }] : []),
      { event: 'job_finished' },
      { status: oneOf('failed', 'timed_out', 'lost') },
    ]),
    colour: stateColours['failed'] ?? 'red',
    title: 'Job {{job_id}} {{status}}',
    text: '{{task_type}} {{engine}}',
    tags: 'status,task_type',
  })
  return marks
}

/** Where a stage of incremental learning changed, with the addresses that the series do not keep. */
function stageChanges(variables: readonly string[]): Annotation {
  return {
    name: 'Stage changes',
    expression: linesOf(variables, [{ job_id: like('$job_id') }, { event: 'stage_changed' }]),
    colour: 'blue',
    title: '{{job_id}} {{stage}} {{status}}',
    text: 'iteration {{iteration}} {{deploy_status}} {{train_output_url}} {{candidate_url}} {{deployed_url}}',
    tags: 'stage,status',
  }
}

/** The mark in Grafana's form. Its query stands twice: where versions since 11 read it, and where those before do. */
export function grafanaAnnotation({ name, expression, colour, title, text, tags }: Annotation): AnnotationQuery {
  const isLoki = expression.language === 'logql'
  const target = isLoki
    ? new LokiQueryBuilder().expr(expression.text).refId('Anno').queryType('range').maxLines(100)
    : new PrometheusQueryBuilder().expr(expression.text).refId('Anno').range().interval('1m')
  const { placement: _placement, ...made } = new AnnotationQueryBuilder()
    .name(name)
    .datasource(isLoki ? lokiSource : prometheusSource)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .target(target)
    .expr(expression.text)
    .titleFormat(title)
    .textFormat(text)
    .tagKeys(tags)
    .step('1m')
    .build()
  return made
}
