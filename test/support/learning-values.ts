/** The replayed jobs of learning tasks, and the values that their series must have in the end. */
import { readFileSync } from 'node:fs'

export const learningJobs = {
  'joint-inference': 'helmet-ji',
  'incremental-learning': 'helmet-il',
  'federated-learning': 'defect-fl',
} as const

export type Fixture = keyof typeof learningJobs

/** The reports of a fixture, in a namespace and with engines of their own. */
export function reportsOf(fixture: Fixture, namespace: string): readonly Record<string, unknown>[] {
  const text = readFileSync(new URL(`../fixtures/sedna/${fixture}.ndjson`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line.replaceAll('"instance":"', `"instance":"${namespace}/`)) as Record<string, unknown>)
    .map((report) => ({ ...report, namespace }))
}

/** One series, or the sum of all that have these labels; `undefined`: there is none. */
export type EndValue = readonly [name: string, labels: Readonly<Record<string, string>>, value: number | undefined]

const ji = 'enginescope_joint_inference_'
const il = 'enginescope_incremental_learning_'
const fl = 'enginescope_federated_learning_'

const seconds = (time: string) => Date.parse(time) / 1_000

/** A set of states: the present one is 1, every other one 0. */
const states = (name: string, label: string, all: readonly string[], present: string): EndValue[] =>
  all.map((state) => [name, { [label]: state }, Number(state === present)])

const conditions = ['waiting', 'ready', 'starting', 'running', 'completed', 'failed']
const perNode = (name: string, values: readonly number[]): EndValue[] =>
  values.map((value, at) => [name, { node: `edge${at + 1}`, task: `trainworker-${at + 1}` }, value])

const buckets = (location: string, byBound: Readonly<Record<string, number>>): EndValue[] =>
  Object.entries(byBound).map(([le, value]) => [`${ji}inference_duration_seconds_bucket`, { location, le }, value])

export const endValues: Readonly<Record<Fixture, readonly EndValue[]>> = {
  'joint-inference': [
    [`${ji}inferences_total`, { location: 'edge', task: 'infer-a', node: 'edge1' }, 320],
    [`${ji}inferences_total`, { location: 'edge', task: 'infer-b', node: 'edge2' }, 50],
    [`${ji}job_inferences_total`, { location: 'edge' }, 370],
    [`${ji}inferences_total`, { location: 'cloud', task: 'infer-a' }, 64],
    [`${ji}inferences_total`, { location: 'cloud', task: 'infer-b' }, 5],
    [`${ji}job_inferences_total`, { location: 'cloud' }, 69],
    [`${ji}hard_samples_total`, {}, 69],
    [`${ji}job_hard_samples_total`, {}, 69],
    [`${ji}samples_total`, {}, 370],
    [`${ji}job_samples_total`, {}, 370],
    [`${ji}cloud_errors_total`, { task: 'infer-a' }, 2],
    [`${ji}cloud_errors_total`, { task: 'infer-b' }, 0],
    [`${ji}job_cloud_errors_total`, {}, 2],
    [`${ji}inference_duration_seconds_count`, { location: 'edge' }, 370],
    [`${ji}inference_duration_seconds_sum`, { location: 'edge' }, 14.8],
    [`${ji}inference_duration_seconds_count`, { location: 'cloud' }, 69],
    [`${ji}inference_duration_seconds_sum`, { location: 'cloud' }, 34.5],
    ...buckets('edge', { '0.01': 0, '0.025': 74, '0.05': 296, '0.1': 370, '0.25': 370, '+Inf': 370 }),
    ...buckets('cloud', { '0.25': 0, '0.5': 34, '1.0': 69, '+Inf': 69 }),
    [`${ji}worker_info`, { task: 'infer-a', worker_role: 'edge_inference', mining_mode: 'inference-then-mining' }, 1],
    ...states(`${ji}condition`, 'condition', conditions, 'running'),
    ['enginescope_task_start_timestamp_seconds', { task: 'infer-b' }, seconds('2026-01-05T08:00:40Z')],
    ['enginescope_task_completion_timestamp_seconds', {}, undefined],
  ],
  'incremental-learning': [
    [`${il}iteration`, {}, 3],
    ...states(`${il}stage`, 'stage', ['train', 'eval', 'deploy'], 'deploy'),
    [`${il}stage_status`, {}, undefined],
    [`${il}remaining_seconds`, {}, undefined],
    ...states(`${il}deploy_status`, 'status', ['waiting', 'ok', 'not_ok', 'skipped'], 'ok'),
    [`${il}model_score_ratio`, { model: 'candidate', metric: 'precision', class: 'all' }, 0.75],
    [`${il}model_score_ratio`, { model: 'candidate', metric: 'recall', class: 'all' }, 0.69],
    [`${il}model_score_ratio`, { model: 'deployed', metric: 'precision', class: 'all' }, 0.63],
    [`${il}model_score_ratio`, { model: 'deployed', metric: 'recall', class: 'all' }, 0.58],
    [`${il}model_info`, {}, 3],
    [`${il}model_info`, { role: 'train_output', url: 's3://models/helmet-il/train/3/model.pb' }, 1],
    [`${il}model_info`, { role: 'candidate', url: 's3://models/helmet-il/train/3/model.pb' }, 1],
    [`${il}model_info`, { role: 'deployed', url: 's3://models/helmet-il/deploy/model.pb' }, 1],
    [`${il}iteration_inferences`, { task: 'infer-1', node: 'edge1' }, 6100],
    [`${il}iteration_hard_samples`, { task: 'infer-1' }, 480],
    [`${il}inferences_total`, { task: 'infer-1' }, 15_300],
    [`${il}job_inferences_total`, {}, 15_300],
    [`${il}hard_samples_total`, { task: 'infer-1' }, 1790],
    [`${il}job_hard_samples_total`, {}, 1790],
    [`${il}iterations_total`, { outcome: 'deployed' }, 2],
    [`${il}iterations_total`, { outcome: 'skipped' }, 1],
    [`${il}iterations_total`, { outcome: 'failed' }, 0],
    [`${il}train_loss`, {}, 0.25],
    [`${il}learning_rate`, {}, 0.001],
    [`${il}epochs`, {}, 3],
    [`${il}epoch`, {}, 3],
    [`${il}batch_size`, {}, 32],
    [`${il}stage_samples`, { stage: 'train' }, 560],
    [`${il}stage_samples`, { stage: 'eval' }, 410],
    [`${il}stage_duration_seconds_count`, { stage: 'train' }, 3],
    [`${il}stage_duration_seconds_sum`, { stage: 'train' }, 1980],
    [`${il}stage_duration_seconds_count`, { stage: 'eval' }, 3],
    [`${il}stage_duration_seconds_sum`, { stage: 'eval' }, 360],
    [`${il}samples_processed_total`, { task: 'train-1' }, 1560],
    [`${il}samples_processed_total`, { task: 'train-2' }, 1680],
    [`${il}samples_processed_total`, { task: 'train-3' }, 1680],
    [`${il}job_samples_processed_total`, {}, 4920],
    [`${il}worker_info`, { worker_role: 'controller', task: 'lc-edge1' }, 1],
    ['enginescope_task_start_timestamp_seconds', { task: 'train-1' }, seconds('2026-01-05T08:05:00Z')],
    ['enginescope_task_completion_timestamp_seconds', { task: 'train-1' }, seconds('2026-01-05T08:16:00Z')],
    ['enginescope_task_completion_timestamp_seconds', { task: 'infer-1' }, undefined],
    ...states(`${il}condition`, 'condition', conditions, 'running'),
  ],
  'federated-learning': [
    [`${fl}aggregation_round`, {}, 5],
    [`${fl}exit_round`, {}, 5],
    ...perNode(`${fl}node_iteration`, [5, 5, 5]),
    ...perNode(`${fl}node_samples`, [1200, 800, 400]),
    [`${fl}node_samples`, {}, 2400],
    [`${fl}samples`, {}, 2400],
    [`${fl}aggregated_loss`, {}, 0.4633],
    ...perNode(`${fl}train_loss`, [0.43, 0.47, 0.55]),
    ...perNode(`${fl}learning_rate`, [0.001, 0.001, 0.001]),
    ...perNode(`${fl}batch_size`, [32, 32, 32]),
    ...perNode(`${fl}round_train_seconds`, [40, 35, 50]),
    [`${fl}round_wait_seconds_count`, {}, 5],
    [`${fl}round_wait_seconds_sum`, {}, 213],
    [`${fl}round_wait_seconds_bucket`, { le: '120.0' }, 4],
    [`${fl}round_wait_seconds_bucket`, { le: '300.0' }, 5],
    [`${fl}round_duration_seconds_count`, {}, 4],
    [`${fl}round_duration_seconds_sum`, {}, 1200],
    ...states(`${fl}train_status`, 'status', conditions, 'completed'),
    ...['edge1', 'edge2', 'edge3'].flatMap((node): EndValue[] => [
      [`${fl}node_train_status`, { node, status: 'completed' }, 1],
      [`${fl}node_train_status`, { node }, 1],
      [`${fl}node_info`, { node }, 1],
    ]),
    [`${fl}train_nodes`, {}, 3],
    [`${fl}node_info`, {}, 3],
    ...['node_iteration', 'node_samples', 'node_train_status', 'train_loss', 'samples_processed_total'].map(
      (name): EndValue => [`${fl}${name}`, { node: 'cloud' }, undefined],
    ),
    ...perNode(`${fl}samples_processed_total`, [6000, 4000, 2000]),
    [`${fl}job_samples_processed_total`, {}, 12_000],
    ['enginescope_task_usage_cpu_seconds_total', { task: 'trainworker-1' }, 200],
    ['enginescope_task_usage_cpu_seconds_total', { task: 'trainworker-2' }, 175],
    ['enginescope_task_usage_cpu_seconds_total', { task: 'trainworker-3' }, 388],
    ['enginescope_task_usage_gpu_memory_bytes', { task: 'trainworker-1' }, 1_073_741_824],
    ['enginescope_task_usage_gpu_utilization_ratio', { task: 'trainworker-1' }, 0.8],
    [`${fl}worker_info`, { worker_role: 'aggregation', task: 'aggworker', node: 'cloud' }, 1],
    ...states(`${fl}condition`, 'condition', conditions, 'completed'),
  ],
}

/** Status of the job, and its log lines by level. */
export const endOfJob = {
  'joint-inference': { status: 'running', progress: undefined, lines: { INFO: 4, ERROR: 1 } },
  'incremental-learning': { status: 'running', progress: undefined, lines: { INFO: 26, WARN: 1 } },
  'federated-learning': { status: 'succeeded', progress: 1, lines: { INFO: 18, WARN: 2 } },
} as const
