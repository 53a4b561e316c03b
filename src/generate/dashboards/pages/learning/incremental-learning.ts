import { dashboards } from '../../../../catalogue/dashboards.ts'
import { families } from '../../../../catalogue/families.ts'
import { sednaSeries } from '../../../../catalogue/kube/index.ts'
import { like } from '../../../../catalogue/select.ts'
import { stateOverrides } from '../../colours.ts'
import type { Page, Row } from '../../model.ts'
import { bars, stackedBars, steps, timeSeries } from '../../panels/graph.ts'
import { barGauge } from '../../panels/single.ts'
import { table } from '../../panels/table.ts'
import { divide, increase, maxBy, rate, sumBy, written } from '../../query/expression.ts'
import { scopeOf } from '../../query/selector.ts'
import { driftPanel, jobStat, logRow, statesOf, throughput, usageRow, workersTable } from './shared-panels.ts'

const page = scopeOf(dashboards.incremental.variables)
const cluster = scopeOf(['namespace'])
const { series } = page
const m = families
const perJob = ['job_id'] as const

const overview: Row = {
  title: 'Jobs',
  panels: [
    jobStat({ title: 'Iteration', description: 'Which iteration is each job in?' }, series(m.ilIteration)),
    jobStat({ title: 'Learning rate', description: 'What is the learning rate?' }, series(m.ilLearningRate), { decimals: 5 }),
    jobStat({ title: 'Epochs', description: 'How many epochs is a training configured to have?' }, series(m.ilEpochs)),
    jobStat({ title: 'Batch size', description: 'How many samples are trained on at once?' }, series(m.ilBatchSize)),
    barGauge({
      title: 'Epoch',
      description: 'How far is the training through its epochs?',
      targets: [
        {
          expression: divide(maxBy(perJob, series(m.ilEpoch)), maxBy(perJob, series(m.ilEpochs))),
          legend: '{{job_id}}',
          isInstant: true,
        },
      ],
      min: 0,
      max: 1,
      width: 8,
      height: 4,
    }),
    statesOf(
      { title: 'Stage', description: 'Which stage was each job in, and when?' },
      'stage',
      m.ilStage,
      series(m.ilStage),
      perJob,
    ),
    statesOf(
      { title: 'State of the stage', description: 'How did training and evaluation stand, and when?' },
      'status',
      m.ilStageStatus,
      series(m.ilStageStatus),
      ['job_id', 'stage'],
    ),
    statesOf(
      { title: 'Deployment', description: 'How did deployments go, and which were skipped?' },
      'status',
      m.ilDeployStatus,
      series(m.ilDeployStatus),
      perJob,
    ),
    statesOf(
      { title: 'Condition', description: 'How did each job stand, and when?' },
      'condition',
      m.ilCondition,
      series(m.ilCondition),
      perJob,
    ),
  ],
}

const delta = written(
  series(m.ilModelScore),
  `${maxBy(['job', 'namespace', 'job_id', 'metric'], series(m.ilModelScore, { model: 'candidate', class: 'all' })).text} - ${maxBy(['job', 'namespace', 'job_id', 'metric'], series(m.ilModelScore, { model: 'deployed', class: 'all' })).text}`,
  ['job', 'namespace', 'job_id', 'metric'],
)

const training: Row = {
  title: 'Training and evaluation',
  panels: [
    timeSeries({
      title: 'Training loss',
      description: 'How does the loss of the training fall?',
      targets: [{ expression: maxBy(perJob, series(m.ilTrainLoss)), legend: '{{job_id}}' }],
      width: 8,
      height: 8,
    }),
    steps({
      title: 'Iterations',
      description: 'When did a new iteration begin?',
      targets: [{ expression: maxBy(perJob, series(m.ilIteration)), legend: '{{job_id}}' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Time left',
      description: 'How long does the running stage still need?',
      targets: [{ expression: maxBy(['job_id', 'stage'], series(m.ilRemaining)), legend: '{{job_id}} {{stage}}' }],
      noValue: 'no stage runs',
      width: 8,
      height: 8,
    }),
    barGauge({
      title: 'Scores',
      description: 'How good are the new model and the one in service?',
      targets: [
        {
          expression: maxBy(['job_id', 'metric', 'model'], series(m.ilModelScore, { class: 'all' })),
          legend: '{{job_id}} {{metric}} {{model}}',
          isInstant: true,
        },
      ],
      min: 0,
      max: 1,
      width: 8,
      height: 8,
    }),
    timeSeries({
      title: 'Gain of the new model',
      description: 'By how much is the new model better than the one in service, and how much does a deployment ask for?',
      targets: [
        { expression: delta, legend: '{{job_id}} {{metric}}' },
        {
          expression: maxBy(
            ['name', 'metric'],
            cluster.foreign(sednaSeries.incrementalLearning.spec_deploy_trigger_threshold, { name: like('$job_id') }),
          ),
          legend: 'asked of {{name}} {{metric}}',
        },
      ],
      width: 8,
      height: 8,
    }),
    table(
      { title: 'Models', description: 'Where does the model of each role lie?', width: 8, height: 8 },
      [{ expression: maxBy(['job_id', 'role', 'url', 'format'], series(m.ilModelInfo)) }],
      [
        { of: { label: 'job_id' }, title: 'Job' },
        { of: { label: 'role' }, title: 'Role' },
        { of: { label: 'url' }, title: 'Address' },
        { of: { label: 'format' }, title: 'Format' },
      ],
    ),
  ],
}

const work: Row = {
  title: 'Samples and iterations',
  panels: [
    barGauge({
      title: 'Samples of the stages',
      description: 'How many samples did training and evaluation use?',
      targets: [
        { expression: maxBy(['job_id', 'stage'], series(m.ilStageSamples)), legend: '{{job_id}} {{stage}}', isInstant: true },
      ],
      width: 6,
      height: 8,
    }),
    barGauge({
      title: 'Samples of the job',
      description: 'How many samples does each job have?',
      targets: [{ expression: maxBy(perJob, series(m.ilSamples)), legend: '{{job_id}}', isInstant: true }],
      noValue: 'not reported',
      width: 6,
      height: 8,
    }),
    bars({
      title: 'Inferences within the iteration',
      description: 'How many inferences were made in each iteration?',
      targets: [{ expression: sumBy(perJob, series(m.ilIterationInferences)), legend: '{{job_id}}' }],
      width: 6,
      height: 8,
    }),
    bars({
      title: 'Hard samples within the iteration',
      description: 'How many samples were hard in each iteration?',
      targets: [{ expression: sumBy(perJob, series(m.ilIterationHardSamples)), legend: '{{job_id}}' }],
      width: 6,
      height: 8,
    }),
    timeSeries({
      title: 'Inferences and hard samples per second',
      description: 'How many inferences are made, and how many of the samples are hard?',
      targets: [
        { expression: sumBy(perJob, rate(series(m.ilJobInferences))), legend: '{{job_id}} inferences' },
        { expression: sumBy(perJob, rate(series(m.ilJobHardSamples))), legend: '{{job_id}} hard' },
      ],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Inferences by worker',
      description: 'Which worker makes how many inferences, and finds how many samples hard?',
      targets: [
        { expression: sumBy(['job_id', 'task'], rate(series(m.ilInferences))), legend: '{{job_id}} {{task}} inferences' },
        { expression: sumBy(['job_id', 'task'], rate(series(m.ilHardSamples))), legend: '{{job_id}} {{task}} hard' },
      ],
      width: 12,
      height: 8,
    }),
    stackedBars({
      title: 'Iterations by outcome',
      description: 'How did iterations end: deployed, skipped or failed?',
      targets: [{ expression: sumBy(['outcome'], increase(series(m.ilIterations), '$__interval')), legend: '{{outcome}}' }],
      overrides: stateOverrides(['deployed', 'skipped', 'failed']),
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Time of a stage',
      description: 'How long do training and evaluation take in the mean?',
      targets: [
        {
          expression: divide(
            sumBy(['job_id', 'stage'], page.sumOf(m.ilStageDuration)),
            sumBy(['job_id', 'stage'], page.countOf(m.ilStageDuration)),
          ),
          legend: '{{job_id}} {{stage}}',
        },
      ],
      width: 12,
      height: 8,
    }),
    throughput(rate(series(m.ilJobSamplesProcessed))),
    timeSeries({
      title: 'Samples per second by worker',
      description: 'How many samples does each worker work through?',
      targets: [{ expression: sumBy(['job_id', 'task'], rate(series(m.ilSamplesProcessed))), legend: '{{job_id}} {{task}}' }],
      width: 12,
      height: 8,
    }),
    driftPanel(series(m.ilDrift), 24),
    workersTable(page, m.ilWorkerInfo, []),
  ],
}

/** Training, evaluation and deployment, over and over. */
export const incrementalLearningPage: Page = {
  key: 'incremental',
  description: 'Which stage is each job in, does the new model get better, and is it deployed?',
  audience:
    '**For whoever trains models that go on learning.** Which stage each job is in, how the loss falls, whether the new model is ' +
    'better than the one in service, and how its deployment went. Marks show where a stage changed.',
  rows: [overview, training, work, usageRow(page, 'incremental_learning'), logRow('incremental_learning')],
  from: '6h',
  refresh: '10s',
  needsLoki: true,
}
