import { families } from './families.ts'
import { learningFamilies } from './learning/index.ts'
import { histogramQuantile, increase, maxWithout, promql, type Query, rate, type Span, sumWithout } from './promql.ts'
import { oneOf, select, selectBuckets, selectCount } from './select.ts'

/** A series that Prometheus computes from others, named `level:metric:operations`. */
export type RecordingRule<L extends string = string> = {
  readonly record: string
  readonly expr: Query<L>
  /** One sentence for the reference page. */
  readonly help: string
}

const learned = learningFamilies
const atWorker = ['task', 'task_type', 'engine', 'engine_type', 'node', 'instance'] as const
const ofNode = ['task', 'task_type', 'engine', 'engine_type', 'instance'] as const

/** Of the nodes of a federated job: how long each trained, and which round it is in. */
const trainSeconds = maxWithout(ofNode, select(learned.flRoundTrain))
const nodeRounds = maxWithout(ofNode, select(learned.flNodeIteration))
const aggregated = maxWithout(['task_type', 'instance'], select(learned.flAggregationRound))

const { tasksFinished, taskDuration, taskQueue, engineTasks, engineTaskLimit, reports, redisCommand } = families

/** Ways to end that say something about the work: a cancelled attempt is nobody's failure. */
const judged = oneOf('succeeded', 'failed', 'timed_out')
/** Ways to end that count against the work. */
export const wentWrong = oneOf('failed', 'timed_out')

const succeeded = { status: 'succeeded' } as const

function failuresPerFinished<const S extends Span>(window: S) {
  const failures = rate(select(tasksFinished, { status: wentWrong }), window)
  const all = rate(select(tasksFinished, { status: judged }), window)
  return {
    record: `task_type_engine_type:enginescope_task_failures_per_finished:ratio_rate${window}`,
    expr: promql`${sumWithout(['namespace', 'status', 'instance'], failures)}
      / ${sumWithout(['namespace', 'status', 'instance'], all)}`,
    help: `Share of the attempts ended within ${window} that failed or timed out.`,
  }
}

/** Recording rules, in the order in which they are evaluated. */
export const recordingRules = {
  failuresPerFinished5m: failuresPerFinished('5m'),
  failuresPerFinished1h: failuresPerFinished('1h'),
  failuresPerFinished2h: failuresPerFinished('2h'),
  failuresPerFinished1d: failuresPerFinished('1d'),
  tasksFinished10m: {
    record: 'task_type_engine_type:enginescope_tasks_finished:increase10m',
    expr: sumWithout(['namespace', 'status', 'instance'], increase(select(tasksFinished, { status: judged }), '10m')),
    help: 'Attempts that succeeded, failed or timed out within 10m.',
  },
  queueP95: {
    record: 'task_type_engine_type:enginescope_task_queue_seconds:p95_10m',
    expr: histogramQuantile(0.95, sumWithout(['instance'], rate(selectBuckets(taskQueue), '10m'))),
    help: 'Wait that 95 % of the tasks started within 10m stayed below.',
  },
  durationP95: {
    record: 'task_type_engine_type:enginescope_task_duration_seconds:p95_7d',
    expr: histogramQuantile(0.95, sumWithout(['status', 'instance'], rate(selectBuckets(taskDuration, succeeded), '7d'))),
    help: 'Run time that 95 % of the attempts succeeded within 7d stayed below.',
  },
  succeeded7d: {
    record: 'task_type_engine_type:enginescope_task_duration_seconds_count:increase7d',
    expr: sumWithout(['status', 'instance'], increase(selectCount(taskDuration, succeeded), '7d')),
    help: 'Attempts that succeeded within 7d.',
  },
  tasksPerLimit: {
    record: 'engine_type:enginescope_engine_tasks_per_limit:ratio',
    expr: promql`${sumWithout(['engine', 'state', 'instance'], select(engineTasks, { state: 'running' }))}
      / (${sumWithout(['engine', 'instance'], select(engineTaskLimit))} > 0)`,
    help: 'Share of the slots of all engines of a type that are taken.',
  },
  rejectedPerReport: {
    record: 'job:enginescope_reports_rejected_per_report:ratio_rate5m',
    expr: promql`${sumWithout(['outcome', 'instance'], rate(select(reports, { outcome: 'rejected' }), '5m'))}
      / ${sumWithout(['outcome', 'instance'], rate(select(reports), '5m'))}`,
    help: 'Share of the reports judged within 5m that were rejected.',
  },
  redisP99: {
    record: 'job:enginescope_redis_command_seconds:p99_5m',
    expr: histogramQuantile(0.99, sumWithout(['command', 'instance'], rate(selectBuckets(redisCommand), '5m'))),
    help: 'Time that 99 % of the commands to Redis within 5m stayed below.',
  },
  hardSampleRatio: {
    record: 'job:enginescope_joint_inference_hard_sample:ratio5m',
    expr: promql`${sumWithout(atWorker, increase(select(learned.jiHardSamples), '5m'))}
      / (${sumWithout(atWorker, increase(select(learned.jiSamples), '5m'))} > 0)`,
    help: 'Share of the samples of a joint inference service within 5m that were hard; nothing while it is idle.',
  },
  cloudErrorRatio: {
    record: 'job:enginescope_joint_inference_cloud_error:ratio5m',
    expr: promql`${sumWithout(atWorker, increase(select(learned.jiCloudErrors), '5m'))}
      / (${sumWithout([...atWorker, 'location'], increase(select(learned.jiInferences, { location: 'cloud' }), '5m'))} > 0)`,
    help: 'Share of the inferences in the cloud within 5m that failed; nothing while there are none.',
  },
  federatedWait: {
    record: 'node:enginescope_federated_learning_wait:seconds',
    expr: promql`${trainSeconds} * -1
      + on (job, namespace, job_id) group_left () ${maxWithout(['node'], trainSeconds)}`,
    help: 'How long a node waits for the slowest one of its job in a round.',
  },
  federatedStaleness: {
    record: 'node:enginescope_federated_learning_staleness:rounds',
    expr: promql`${nodeRounds} * -1
      + on (job, namespace, job_id) group_left () ${aggregated}`,
    help: 'How many rounds a node is behind the aggregator.',
  },
  federatedParticipation: {
    record: 'job:enginescope_federated_learning_participation:ratio',
    expr: promql`${sumWithout(
      ['node'],
      promql`(${nodeRounds}
      >= bool on (job, namespace, job_id) group_left () ${aggregated})`,
    )}
      / on (job, namespace, job_id) ${maxWithout(['task_type', 'instance'], select(learned.flTrainNodes))}`,
    help: 'Share of the nodes of a federated job that are in its newest round.',
  },
} as const satisfies Record<string, RecordingRule>

/** What a recording rule has written, for rules that rest on it. */
export function recorded<L extends string>({ record, expr }: RecordingRule<L>): Query<L> {
  return { text: record, labels: expr.labels }
}
