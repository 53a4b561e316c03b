import { dashboards } from '../../../../catalogue/dashboards.ts'
import { families } from '../../../../catalogue/families.ts'
import type { Page, Row } from '../../model.ts'
import { timeSeries } from '../../panels/graph.ts'
import { pie } from '../../panels/pie.ts'
import { line, rising } from '../../panels/thresholds.ts'
import { divide, quantile, rate, sumBy } from '../../query/expression.ts'
import { scopeOf } from '../../query/selector.ts'
import { driftPanel, jobStat, logRow, statesOf, usageRow, workersTable } from './shared-panels.ts'

const page = scopeOf(dashboards.jointInference.variables)
const { series } = page
const m = families
const perJob = ['job_id'] as const

const overview: Row = {
  title: 'Services',
  panels: [
    jobStat(
      { title: 'Edge inferences', description: 'How many inferences were made at the edge since the service began?' },
      series(m.jiJobInferences, { location: 'edge' }),
    ),
    jobStat(
      { title: 'Cloud inferences', description: 'How many inferences were asked of the cloud since the service began?' },
      series(m.jiJobInferences, { location: 'cloud' }),
    ),
    jobStat(
      { title: 'Hard samples', description: 'How many samples were hard since the service began?' },
      series(m.jiJobHardSamples),
    ),
    jobStat({ title: 'Samples', description: 'How many samples were seen since the service began?' }, series(m.jiJobSamples)),
    jobStat(
      { title: 'Cloud error share', description: 'Which share of the inferences in the cloud fails?' },
      divide(
        sumBy(perJob, rate(series(m.jiJobCloudErrors))),
        sumBy(perJob, rate(series(m.jiJobInferences, { location: 'cloud' }))),
      ),
      { thresholds: rising(0.05), noValue: 'idle' },
    ),
    pie({
      title: 'Edge and cloud',
      description: 'Where are inferences made?',
      targets: [{ expression: sumBy(['location'], rate(series(m.jiJobInferences))), legend: '{{location}}' }],
      width: 4,
      height: 6,
    }),
    statesOf(
      { title: 'Condition', description: 'How did each service stand, and when?' },
      'condition',
      m.jiCondition,
      series(m.jiCondition),
      perJob,
      { width: 20 },
    ),
  ],
}

const inference: Row = {
  title: 'Inference',
  panels: [
    timeSeries({
      title: 'Inferences per second',
      description: 'How many inferences are made on behalf of each node, at the edge and in the cloud?',
      targets: [
        {
          expression: sumBy(['job_id', 'node', 'location'], rate(series(m.jiInferences))),
          legend: '{{job_id}} {{node}} {{location}}',
        },
      ],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Hard sample share',
      description: 'Which share of the samples is hard, and is it beyond what is usual?',
      targets: [
        {
          expression: divide(
            sumBy(['job_id', 'node'], rate(series(m.jiHardSamples))),
            sumBy(['job_id', 'node'], rate(series(m.jiSamples))),
          ),
          legend: '{{job_id}} {{node}}',
        },
      ],
      thresholds: line(0.4),
      min: 0,
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Time of an inference',
      description: 'How long do inferences take at the edge and in the cloud?',
      targets: [0.5, 0.95, 0.99].map((ratio) => ({
        expression: quantile(ratio, sumBy(['location', 'le'], rate(page.bucket(m.jiDuration)))),
        legend: `p${ratio * 100} {{location}}`,
      })),
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Cloud errors per second',
      description: 'How many inferences in the cloud fail, and for which node?',
      targets: [{ expression: sumBy(['job_id', 'node'], rate(series(m.jiCloudErrors))), legend: '{{job_id}} {{node}}' }],
      width: 12,
      height: 8,
    }),
    driftPanel(series(m.jiDrift), 24),
    workersTable(page, m.jiWorkerInfo, [{ label: 'mining_mode', title: 'Mining' }]),
  ],
}

/** Inference at the edge that sends hard samples on. */
export const jointInferencePage: Page = {
  key: 'jointInference',
  description: 'Where are inferences made, how many samples are hard, and what does the cloud say?',
  audience:
    '**For whoever runs a joint inference service.** Where inferences are made, how many samples are hard, how long the edge and the ' +
    'cloud take. Totals are those of all workers since the service began, workers included that are gone.',
  rows: [overview, inference, usageRow(page, 'joint_inference'), logRow('joint_inference')],
  from: '3h',
  refresh: '10s',
  needsLoki: true,
}
