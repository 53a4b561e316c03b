/** Messages that the library of Sedna's workers sends to its Local Controller, as the reports that they are worth. */
import { ScopeError } from '../../errors.ts'

type Fields = Readonly<Record<string, unknown>>

export type MessageRules = {
  /** Name in the path of the request: the message must be about that worker. */
  readonly worker: string
  /** Jobs, as `namespace/job`, whose workers look for hard samples before they infer. */
  readonly miningFirst: ReadonlySet<string>
}

const owners: Readonly<Record<string, { readonly taskType: string; readonly kind: string }>> = {
  jointinferenceservice: { taskType: 'joint_inference', kind: 'JointInferenceService' },
  incrementallearningjob: { taskType: 'incremental_learning', kind: 'IncrementalLearningJob' },
  federatedlearningjob: { taskType: 'federated_learning', kind: 'FederatedLearningJob' },
  lifelonglearningjob: { taskType: 'lifelong_learning', kind: 'LifelongLearningJob' },
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const numberAt = (fields: Fields, name: string) => {
  const value = fields[name]
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}
const textAt = (fields: Fields, name: string) => {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * The report that a message is worth, still to be read like any other. It has no number, start or node, and its times are local
 * times without a zone: they are kept as attributes.
 * @throws ScopeError REPORT_INVALID, naming the field that does not fit
 */
export function reportOfMessage(message: unknown, rules: MessageRules): Record<string, unknown> {
  if (!isObject(message)) throw new ScopeError('REPORT_INVALID', 'must be an object')
  if (message['name'] !== rules.worker) throw refusal('name', 'is not the worker that the path names')
  const owner = typeof message['ownerKind'] === 'string' ? owners[message['ownerKind'].toLowerCase()] : undefined
  if (owner === undefined) throw refusal('ownerKind', `must be one of ${Object.keys(owners).join(', ')}`)
  const jobId = textAt(message, 'ownerName')
  if (jobId === undefined) throw refusal('ownerName', 'is missing')
  const namespace = textAt(message, 'namespace') ?? 'default'
  const info = isObject(message['ownerInfo']) ? message['ownerInfo'] : {}
  return {
    namespace,
    jobId,
    execId: rules.worker,
    taskType: owner.taskType,
    status: statusOf(message),
    engine: { instance: `${namespace}/${rules.worker}`, engineType: 'sedna' },
    algorithmMetrics: metricsOf(owner.taskType, message, info, rules.miningFirst.has(`${namespace}/${jobId}`)),
    attributes: { kind: owner.kind, ...timesOf(info) },
  }
}

const refusal = (path: string, says: string) => new ScopeError('REPORT_INVALID', says, { path })

/** A deployment is an update within a worker that goes on. */
function statusOf(message: Fields): unknown {
  const status = textAt(message, 'status')
  if (status === undefined || message['kind'] === 'deploy') return 'Running'
  return `${status.charAt(0).toUpperCase()}${status.slice(1).toLowerCase()}`
}

function timesOf(info: Fields): Record<string, string> {
  const times = ['startTime', 'updateTime'].map((name) => [name, textAt(info, name)] as const)
  return Object.fromEntries(times.filter((pair): pair is [string, string] => pair[1] !== undefined))
}

function metricsOf(taskType: string, message: Fields, info: Fields, isMiningFirst: boolean): Fields {
  switch (taskType) {
    case 'joint_inference':
      return inferenceMetrics(info, isMiningFirst)
    case 'incremental_learning':
      return stageMetrics(message)
    case 'federated_learning':
      return roundMetrics(message, info)
    default:
      return info
  }
}

/**
 * Sedna counts an inference at the edge and, of a hard sample, one in the cloud: each hard sample is in its number twice.
 * The raw numbers go along, for only they are sure to rise: a start that begins anew is told by them.
 */
function inferenceMetrics(info: Fields, isMiningFirst: boolean): Fields {
  const all = numberAt(info, 'inferenceNumber')
  const hard = numberAt(info, 'hardExampleNumber')
  const miningMode = isMiningFirst ? 'mining-then-inference' : 'inference-then-mining'
  const role = { workerRole: 'edge_inference', miningMode }
  if (all === undefined || hard === undefined) return role
  const edge = Math.max(0, all - hard)
  return {
    ...role,
    edgeInferenceCount: edge,
    cloudInferenceCount: hard,
    hardSampleNum: hard,
    sampleNum: isMiningFirst ? all : edge,
    inferenceNumber: all,
    hardExampleNumber: hard,
  }
}

function resultsOf(message: Fields): readonly Fields[] {
  const results = message['results']
  return Array.isArray(results) ? results.filter(isObject) : []
}

function modelOf(result: Fields | undefined): { readonly url: string; readonly format?: string } | undefined {
  const url = result === undefined ? undefined : textAt(result, 'url')
  if (result === undefined || url === undefined) return undefined
  const format = textAt(result, 'format')
  return format === undefined ? { url } : { url, format }
}

function stageMetrics(message: Fields): Fields {
  const results = resultsOf(message)
  const currentStatus = statusOf(message)
  switch (message['kind']) {
    case 'train':
      return { workerRole: 'train', taskStage: 'Train', currentStatus, ...trained(results) }
    case 'eval':
      return { workerRole: 'eval', taskStage: 'Eval', currentStatus, ...evaluated(results) }
    case 'deploy':
      return {
        workerRole: 'inference',
        taskStage: 'Deploy',
        deployStatus: deployStatusOf(message),
        ...given('deployModelUrl', modelOf(results[0])),
      }
    default:
      return { workerRole: 'inference' }
  }
}

const given = (name: string, value: unknown): Fields => (value === undefined ? {} : { [name]: value })

/** One result for each file of the model: the frozen graph is the one that is deployed. */
function trained(results: readonly Fields[]): Fields {
  const result = results.findLast(({ format }) => format === 'pb') ?? results.at(-1)
  const metrics = isObject(result?.['metrics']) ? result['metrics'] : {}
  const loss = Array.isArray(metrics['loss']) ? metrics['loss'].at(-1) : metrics['loss']
  return { ...given('trainLoss', loss), ...given('trainOutputModelUrl', modelOf(result)) }
}

/** The new model, and the one in service where it was evaluated, too. */
function evaluated([candidate, deployed]: readonly Fields[]): Fields {
  const scores = (result: Fields | undefined) => (isObject(result?.['metrics']) ? result['metrics'] : undefined)
  return {
    ...given('evalNewModelUrl', modelOf(candidate)),
    ...given('accuracyMetricForNewModel', scores(candidate)),
    ...given('accuracyMetricForOldModel', scores(deployed)),
  }
}

function deployStatusOf(message: Fields): string {
  const status = textAt(message, 'status')?.toLowerCase()
  if (status === 'completed') return 'OK'
  return status === 'failed' ? 'Not OK' : 'Waiting'
}

/** `sampleCount` is the total of the aggregation, whichever worker sends it. */
function roundMetrics(message: Fields, info: Fields): Fields {
  return {
    workerRole: 'train',
    ...given('trainStatus', textAt(message, 'status')?.toLowerCase()),
    ...given('iterationNo', numberAt(info, 'currentRound')),
    ...given('totalSampleNum', numberAt(info, 'sampleCount')),
  }
}
