import { describe, expect, test } from 'vitest'
import { samplesOf } from '../support/prometheus-text.ts'
import { anId, aStand, jobOf, send, seriesBy, seriesOf, untilSeries } from '../support/reporting.ts'

const stand = aStand({ LINGER: '1s' })
type Metrics = Readonly<Record<string, unknown>>

/** One worker of a job, which says things. */
function aWorker(taskType: string, jobId: string, execId: string, engine: Metrics = {}, namespace = 'default') {
  return (algorithmMetrics: Metrics, changes: Metrics = {}) =>
    send(stand.aggregator, {
      namespace,
      jobId,
      execId,
      taskType,
      status: 'running',
      engine: { instance: `${namespace}/${jobId}/${execId}`, engineType: 'sedna', node: 'edge1', ...engine },
      algorithmMetrics,
      ...changes,
    })
}
const il = (jobId: string) => (execId: string) => aWorker('incremental_learning', jobId, execId)

/** Reads series of one job; the state of a set, or undefined when there is none. */
function readerOf(type: string, jobId: string, namespace = 'default') {
  const labels = { namespace, job_id: jobId }
  const prefix = `enginescope_${type}_`
  return {
    value: (name: string, more: Record<string, string> = {}) => seriesOf(stand.aggregator, prefix + name, { ...labels, ...more }),
    by: (name: string, label: string, more: Record<string, string> = {}) =>
      seriesBy(stand.aggregator, prefix + name, label, { ...labels, ...more }),
    state: async (name: string, label: string, more: Record<string, string> = {}) => {
      const set = Object.entries(await seriesBy(stand.aggregator, prefix + name, label, { ...labels, ...more }))
      const ones = set.filter(([, value]) => value === 1).map(([state]) => state)
      expect(ones.length, `${name} sums to 1`).toBe(set.length === 0 ? 0 : 1)
      return ones[0]
    },
  }
}

const ignored = async (field: string) =>
  (await seriesOf(stand.aggregator, 'enginescope_ignored_fields_total', { field: `algorithmMetrics.${field}` })) ?? 0

describe('what a field may hold', () => {
  test('strings, infinite and negative numbers cost their own field, and are counted; a loss may be negative', async () => {
    const jobId = anId('numbers')
    const before = await ignored('learningRate')
    await il(jobId)('t')({
      workerRole: 'train',
      learningRate: '0.001',
      batchSize: -4,
      trainLoss: -0.2,
      epoch: 2,
      iterationNo: 'NaN',
    })
    const { value } = readerOf('incremental_learning', jobId)
    expect([await value('learning_rate'), await value('batch_size'), await value('iteration')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect([await value('train_loss'), await value('epoch')]).toEqual([-0.2, 2])
    expect((await ignored('learningRate')) - before).toBe(1)
    expect(await ignored('batchSize')).toBeGreaterThan(0)
  })

  test('words are read in any spelling, and an unknown one costs its field', async () => {
    const jobId = anId('words')
    const say = il(jobId)('lc')
    const { state } = readerOf('incremental_learning', jobId)
    await say({ iterationNo: 1, taskStage: 'TRAIN', currentStatus: 'Complete' })
    expect([await state('stage', 'stage'), await state('stage_status', 'status')]).toEqual(['train', 'completed'])
    await say({ iterationNo: 1, taskStage: 'Deploy', deployStatus: 'NotOk' })
    expect(await state('deploy_status', 'status')).toBe('not_ok')
    const before = await ignored('deployStatus')
    await say({ iterationNo: 1, deployStatus: 'perhaps' })
    expect(await state('deploy_status', 'status')).toBe('not_ok')
    expect((await ignored('deployStatus')) - before).toBe(1)
  })

  test('names of the seed and other aliases are read as well', async () => {
    const jobId = anId('aliases')
    await il(jobId)('t')({
      TrainLoss: 0.5,
      EpochNum: 7,
      accuracyNewModel: { mAP: 0.6, 'F1-score': 0.7 },
      TrainOutputModelUrl: '/m/1.pb',
    })
    const { value, by } = readerOf('incremental_learning', jobId)
    expect([await value('train_loss'), await value('epochs')]).toEqual([0.5, 7])
    expect(await by('model_score_ratio', 'metric', { class: 'all' })).toEqual({ map: 0.6, f1: 0.7 })
    expect(await by('model_info', 'url')).toEqual({ '/m/1.pb': 1 })
  })

  test('no secret of an address is anywhere: not in series, the store, the API or lines', async () => {
    const jobId = anId('secrets')
    const say = il(jobId)('t')
    await say({
      iterationNo: 1,
      taskStage: 'Train',
      currentStatus: 'Completed',
      trainOutputModelUrl: 's3://user:hunter2@models/a.pb?X-Sig=hunter2#hunter2',
    })
    await say({
      iterationNo: 1,
      taskStage: 'Eval',
      currentStatus: 'Running',
      evalNewModelUrl: { url: 'https://hunter2@m/b.pb?token=hunter2', format: 'p"b\\', signed: 'hunter2' },
    })
    const { by } = readerOf('incremental_learning', jobId)
    expect(await by('model_info', 'url')).toEqual({ 's3://models/a.pb': 1, 'https://m/b.pb': 1 })
    expect(await by('model_info', 'format')).toEqual({ '': 1, 'p"b\\': 1 })
    const everywhere = [
      JSON.stringify(await jobOf(stand.aggregator, jobId)),
      (await stand.aggregator.http.get('/metrics')).text,
      ...(await allOfRedis()),
    ].join()
    expect(everywhere).not.toContain('hunter2')
  })

  test('scores: percent become ratios, class all is the plain mean of all classes, more than 20 classes are counted', async () => {
    const jobId = anId('scores')
    const classes = Array.from({ length: 25 }, (_, at) => at / 25)
    const overflows = () => seriesOf(stand.aggregator, 'enginescope_series_overflow_total', { family: 'task_metric' })
    const before = (await overflows()) ?? 0
    await il(jobId)('e')({
      accuracyMetricForNewModel: { precision: [70, 56], recall: { cat: 0.5, dog: 0.7 }, mAP: 101, f1: classes },
      accuracyMetricForOldModel: { precision: 0.5 },
    })
    const { by, value } = readerOf('incremental_learning', jobId)
    const candidate = (metric: string) => by('model_score_ratio', 'class', { model: 'candidate', metric })
    expect(await candidate('precision')).toEqual({ all: 0.63, 0: 0.7, 1: 0.56 })
    expect(await candidate('recall')).toEqual({ all: 0.6, cat: 0.5, dog: 0.7 })
    expect(await candidate('map')).toEqual({})
    expect(Object.keys(await candidate('f1'))).toHaveLength(21)
    expect((await candidate('f1'))['all']).toBe(0.48)
    expect(await value('model_score_ratio', { model: 'deployed', metric: 'precision', class: 'all' })).toBe(0.5)
    expect(((await overflows()) ?? 0) - before).toBe(5)
  })

  test('a bound that is left out takes the value of the next lower one; buckets that fall are no histogram', async () => {
    const jobId = anId('buckets')
    const say = aWorker('joint_inference', jobId, 'w')
    await say({ edgeInferenceSeconds: { count: 9, sum: 4.5, buckets: { '0.1': 4, '0.5': 7 } } })
    await say({ cloudInferenceSeconds: { count: 9, sum: 4.5, buckets: { '0.1': 4, '0.5': 3 } } })
    const { by } = readerOf('joint_inference', jobId)
    const edge = await by('inference_duration_seconds_bucket', 'le', { location: 'edge' })
    expect([edge['0.05'], edge['0.1'], edge['0.25'], edge['0.5'], edge['10.0'], edge['+Inf']]).toEqual([0, 4, 4, 7, 7, 9])
    expect(await by('inference_duration_seconds_bucket', 'le', { location: 'cloud' })).toEqual({})
  })

  test('drift is told by feature and method, 32 of them', async () => {
    const jobId = anId('drift')
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`f${at}`, at / 100]))
    await aWorker('joint_inference', jobId, 'w')({ driftScore: many })
    await aWorker(
      'joint_inference',
      jobId,
      'v',
    )({ driftScore: [{ feature: 'light', method: 'psi', score: 0.3 }, { feature: 'light' }] })
    const { by } = readerOf('joint_inference', jobId)
    expect(Object.keys(await by('drift_score', 'feature', { task: 'w' }))).toHaveLength(32)
    expect(await by('drift_score', 'method', { task: 'v' })).toEqual({ psi: 0.3 })
  })
})

/** Everything that is stored, as text. */
async function allOfRedis(): Promise<string[]> {
  const redis = stand.redis.client()
  try {
    const keys = await redis.keys('*')
    const read = async (key: string): Promise<unknown> => {
      switch (await redis.type(key)) {
        case 'hash':
          return redis.hgetall(key)
        case 'list':
          return redis.lrange(key, 0, -1)
        case 'stream':
          return redis.xrange(key, '-', '+')
        case 'zset':
          return redis.zrange(key, '0', '-1')
        case 'set':
          return redis.smembers(key)
        default:
          return redis.get(key)
      }
    }
    return await Promise.all(keys.map(async (key) => key + JSON.stringify(await read(key))))
  } finally {
    redis.disconnect()
  }
}

describe('counters', () => {
  test('of two workers are added, of equal names in two namespaces and two jobs kept apart', async () => {
    const jobId = anId('ji')
    await aWorker('joint_inference', jobId, 'a')({ edgeInferenceCount: 10, hardSampleNum: 1 })
    await aWorker('joint_inference', jobId, 'b')({ edgeInferenceCount: 5 })
    await aWorker('joint_inference', jobId, 'a', {}, 'site-b')({ edgeInferenceCount: 100 })
    await aWorker('joint_inference', `${jobId}-other`, 'a')({ edgeInferenceCount: 1000 })
    const edge = { location: 'edge' }
    expect(await readerOf('joint_inference', jobId).value('job_inferences_total', edge)).toBe(15)
    expect(await readerOf('joint_inference', jobId, 'site-b').value('job_inferences_total', edge)).toBe(100)
    expect(await readerOf('joint_inference', `${jobId}-other`).value('job_inferences_total', edge)).toBe(1000)
    expect(await readerOf('joint_inference', jobId).by('hard_samples_total', 'task')).toEqual({ a: 1, b: 0 })
  })

  test('go on over restarts and attempts, and the job keeps what workers counted that are gone', async () => {
    const jobId = anId('gone')
    const first = aWorker('joint_inference', jobId, 'a', { incarnation: '2026-01-05T08:00:00Z' })
    const second = aWorker('joint_inference', jobId, 'a', { incarnation: '2026-01-05T09:00:00Z' })
    await first({ edgeInferenceCount: 10 }, { seq: 1 })
    await second({ edgeInferenceCount: 4 }, { seq: 1 })
    // The old start is heard of once more.
    await first({ edgeInferenceCount: 12 }, { seq: 2 })
    await second({ edgeInferenceCount: 6 }, { seq: 2, attempt: 2 })
    const { value } = readerOf('joint_inference', jobId)
    expect(await value('inferences_total', { location: 'edge' })).toBe(22)
    expect(await value('job_inferences_total', { location: 'edge' })).toBe(22)
    await second({ edgeInferenceCount: 7 }, { seq: 3, attempt: 2, status: 'succeeded' })
    await aWorker('joint_inference', jobId, 'b')({ edgeInferenceCount: 1 })
    await untilSeries(
      stand.aggregator,
      'enginescope_joint_inference_inferences_total',
      { job_id: jobId, task: 'a', location: 'edge' },
      undefined,
    )
    expect(await value('job_inferences_total', { location: 'edge' })).toBe(24)
  })

  test('of an iteration begin anew with the next one, and a word on one that is over says nothing', async () => {
    const jobId = anId('iterations')
    const say = il(jobId)('i')
    await say({ workerRole: 'inference', iterationNo: 1, iterationInferenceCount: 40 })
    await say({ iterationNo: 1, iterationInferenceCount: 100 })
    await say({ iterationNo: 2, iterationInferenceCount: 30 })
    await say({ iterationNo: 1, iterationInferenceCount: 500 })
    const { value } = readerOf('incremental_learning', jobId)
    expect([await value('iteration_inferences'), await value('inferences_total'), await value('job_inferences_total')]).toEqual([
      500, 130, 130,
    ])
  })

  test('of a histogram begin anew together where a start has no name', async () => {
    const jobId = anId('histogram')
    const say = aWorker('joint_inference', jobId, 'w')
    await say({ edgeInferenceSeconds: { count: 10, sum: 5, buckets: { '0.1': 2, '1': 10 } } })
    await say({ edgeInferenceSeconds: { count: 4, sum: 1, buckets: { '0.1': 3, '1': 4 } } })
    const { by, value } = readerOf('joint_inference', jobId)
    const buckets = await by('inference_duration_seconds_bucket', 'le', { location: 'edge' })
    expect([buckets['0.1'], buckets['1.0'], await value('inference_duration_seconds_sum')]).toEqual([5, 14, 6])
  })
})

describe('stages of incremental learning', () => {
  test('what was overtaken keeps its facts and moves nothing back; time left is there while its stage runs', async () => {
    const jobId = anId('stages')
    const [train, evaluate] = [il(jobId)('train-1'), il(jobId)('eval-1')]
    const { state, value, by } = readerOf('incremental_learning', jobId)
    await train({ iterationNo: 1, taskStage: 'Train', currentStatus: 'Running', trainRemainingTime: 0 })
    expect(await by('remaining_seconds', 'stage')).toEqual({ train: 0 })
    await evaluate({ iterationNo: 1, taskStage: 'Eval', currentStatus: 'Waiting' })
    await train({
      iterationNo: 1,
      taskStage: 'Train',
      currentStatus: 'Completed',
      trainLoss: 0.3,
      trainRemainingTime: 9,
      trainOutputModelUrl: '/m/1.pb',
    })
    expect([
      await state('stage', 'stage'),
      await state('stage_status', 'status'),
      await state('stage_status', 'status', { stage: 'eval' }),
    ]).toEqual(['eval', 'waiting', 'waiting'])
    expect(await value('remaining_seconds')).toBeUndefined()
    expect([await value('train_loss'), await by('model_info', 'url')]).toEqual([0.3, { '/m/1.pb': 1 }])
  })

  test('a lower iteration never replaces what came with a higher one', async () => {
    const jobId = anId('lower')
    const say = il(jobId)('t')
    await say({ iterationNo: 2, taskStage: 'Train', currentStatus: 'Running', trainLoss: 0.2 })
    await il(jobId)('u')({ iterationNo: 1, taskStage: 'Deploy', deployStatus: 'OK', trainLoss: 0.9 })
    const { state, value } = readerOf('incremental_learning', jobId)
    expect([await value('iteration'), await value('train_loss'), await state('stage', 'stage')]).toEqual([2, 0.2, 'train'])
    expect(await state('deploy_status', 'status')).toBeUndefined()
  })

  test('a stage that failed starts over, and each try ends once', async () => {
    const jobId = anId('failed')
    const [first, second] = [il(jobId)('train-1'), il(jobId)('train-1b')]
    const { state, by } = readerOf('incremental_learning', jobId)
    const failed = { iterationNo: 1, taskStage: 'Train', currentStatus: 'Failed' }
    await first({ iterationNo: 1, taskStage: 'Train', currentStatus: 'Running' })
    await first(failed)
    await first(failed)
    await second({ iterationNo: 1, taskStage: 'Train', currentStatus: 'Running' })
    await first(failed)
    expect(await state('stage_status', 'status')).toBe('running')
    expect(await by('iterations_total', 'outcome')).toEqual({ deployed: 0, skipped: 0, failed: 1 })
    await second({ iterationNo: 1, taskStage: 'Deploy', deployStatus: 'OK' })
    await second({ iterationNo: 1, taskStage: 'Deploy', deployStatus: 'OK' })
    expect(await by('iterations_total', 'outcome')).toEqual({ deployed: 1, skipped: 0, failed: 1 })
  })

  test("Sedna's conditions: completed without ready was skipped, with it deployed; only ok takes the address over", async () => {
    const jobId = anId('conditions')
    const say = il(jobId)('lc')
    const { state, by } = readerOf('incremental_learning', jobId)
    const deploy = (iterationNo: number, currentStatus: string) =>
      say({ iterationNo, taskStage: 'Deploy', currentStatus, deployModelUrl: `/deploy/${iterationNo}` })
    await deploy(1, 'Waiting')
    expect([await state('deploy_status', 'status'), await by('model_info', 'url')]).toEqual(['waiting', {}])
    await deploy(1, 'Completed')
    expect([await state('deploy_status', 'status'), await by('model_info', 'url')]).toEqual(['skipped', {}])
    await deploy(2, 'Ready')
    await deploy(2, 'Completed')
    expect([await state('deploy_status', 'status'), await by('model_info', 'url')]).toEqual(['ok', { '/deploy/2': 1 }])
    await say({ iterationNo: 3, taskStage: 'Train', currentStatus: 'Waiting' })
    await deploy(3, 'Failed')
    expect([await state('deploy_status', 'status'), await by('model_info', 'url')]).toEqual(['not_ok', { '/deploy/2': 1 }])
    expect(await by('iterations_total', 'outcome')).toEqual({ deployed: 1, skipped: 1, failed: 1 })
  })

  test('an end that was overtaken on its way is counted all the same', async () => {
    const jobId = anId('late')
    const say = il(jobId)('lc')
    await say({ iterationNo: 1, taskStage: 'Train', currentStatus: 'Waiting' }, { seq: 1 })
    await say({ iterationNo: 2, taskStage: 'Train', currentStatus: 'Waiting' }, { seq: 3 })
    await say({ iterationNo: 1, taskStage: 'Deploy', deployStatus: 'Skipped' }, { seq: 2 })
    const { state, by } = readerOf('incremental_learning', jobId)
    expect([await state('stage', 'stage'), await by('iterations_total', 'outcome')]).toEqual([
      'train',
      { deployed: 0, skipped: 1, failed: 0 },
    ])
  })
})

describe('federated learning', () => {
  const fl =
    (jobId: string) =>
    (execId: string, node = 'edge1') =>
      aWorker('federated_learning', jobId, execId, { node })

  test('a job with a failed worker stays failed, whatever the others say', async () => {
    const jobId = anId('fl')
    const [a, b] = [fl(jobId)('a'), fl(jobId)('b', 'edge2')]
    await a({ workerRole: 'train', trainStatus: 'running', iterationNo: 1 })
    await b({ workerRole: 'train', trainStatus: 'running', iterationNo: 1 })
    const { state, value } = readerOf('federated_learning', jobId)
    expect(await state('train_status', 'status')).toBe('running')
    expect(await value('aggregation_round')).toBeUndefined()
    await a({ trainStatus: 'failed' }, { status: 'failed' })
    await b({ trainStatus: 'running', iterationNo: 2, stageConditionStatus: 'Running' })
    await fl(jobId)('agg', 'cloud')({ workerRole: 'aggregation', trainStatus: 'running', aggregationNo: 1 })
    expect([await state('train_status', 'status'), await state('condition', 'condition')]).toEqual(['failed', 'failed'])
    expect((await jobOf(stand.aggregator, jobId)).status).toBe('failed')
    expect(await value('node_iteration', { node: 'edge2' })).toBe(2)
  })

  test('rounds are counted once, in whatever order they come; only the aggregator moves them', async () => {
    const jobId = anId('rounds')
    const say = fl(jobId)('agg', 'cloud')
    const at = (round: number, seq: number, minutes: number) =>
      say(
        { workerRole: 'aggregation', aggregationNo: round, waitSeconds: 10 * round, trainNodes: ['edge1', 'edge1', 'edge2'] },
        { seq, reportedAt: `2026-01-05T08:${minutes}:00Z` },
      )
    await at(1, 1, 10)
    await at(3, 3, 16)
    await at(2, 2, 12)
    await at(3, 4, 17)
    await fl(jobId)('t')({ workerRole: 'train', aggregationNo: 99, waitSeconds: 99, trainNodes: ['x'] })
    const { value, by } = readerOf('federated_learning', jobId)
    expect([
      await value('aggregation_round'),
      await value('round_wait_seconds_count'),
      await value('round_wait_seconds_sum'),
    ]).toEqual([3, 3, 60])
    expect([await value('round_duration_seconds_count'), await value('round_duration_seconds_sum')]).toEqual([2, 360])
    expect([await value('train_nodes'), await by('node_info', 'node')]).toEqual([2, { edge1: 1, edge2: 1 }])
  })

  test('a thousand nodes have their line, more are counted', async () => {
    const jobId = anId('nodes')
    await fl(jobId)('agg')({
      workerRole: 'aggregation',
      aggregationNo: 1,
      trainNodes: Array.from({ length: 1_003 }, (_, at) => `n${at}`),
    })
    const { value, by } = readerOf('federated_learning', jobId)
    expect(await value('train_nodes')).toBe(1_000)
    expect(Object.keys(await by('node_info', 'node'))).toHaveLength(1_000)
  })

  test('series of a job go with those of its last task, and no late word brings them back', async () => {
    const jobId = anId('life')
    const say = fl(jobId)('a')
    await say(
      { workerRole: 'train', trainStatus: 'completed', iterationNo: 1, totalSampleNum: 5 },
      { status: 'succeeded', seq: 2 },
    )
    const labels = { job_id: jobId }
    expect(samplesOf(await stand.aggregator.metrics(), 'enginescope_federated_learning_samples', labels)).toHaveLength(1)
    await untilSeries(stand.aggregator, 'enginescope_federated_learning_samples', labels, undefined)
    await say({ iterationNo: 1 }, { seq: 1 })
    const left = [...(await stand.aggregator.metrics())].filter(([, { samples }]) =>
      samples.some((sample) => sample.labels['job_id'] === jobId),
    )
    expect(left.map(([name]) => name)).toEqual([])
  })
})
