/** What the three learners share about being a worker of Sedna: who they are, how they say how they are doing, how they end. */
import { createReporter, type Task } from 'enginescope/reporter'
import { aggregator } from '../settings.ts'

/** The custom resource that workers belong to. `uid` tells two of one name apart. */
export type Resource = { readonly namespace: string; readonly job: string; readonly uid: string }

export type WorkerRole = 'edge_inference' | 'cloud_inference' | 'train' | 'eval' | 'inference' | 'controller' | 'aggregation'

export type WorkerOptions = {
  readonly resource: Resource
  readonly taskType: 'joint_inference' | 'incremental_learning' | 'federated_learning'
  readonly name: string
  readonly node: string
  readonly role: WorkerRole
}

/** How work ended that neither failed nor was stopped. */
export type Outcome = 'is done' | 'goes on'

/** A worker at work. */
export type Worker = {
  /** Aborted by a signal, and when the process that started this one is gone. */
  readonly stop: AbortSignal
  readonly log: Task['log']
  /** Says how it is doing: exactly these metrics from now on. @param progress 0..1 */
  readonly tell: (metrics: Readonly<Record<string, unknown>>, progress?: number) => void
  /** Sends what was said, so that the next news do not replace it unseen. Waits for 2 s at most: reporting stops no work. */
  readonly say: () => Promise<void>
}

const sayTimeoutMs = 2000
/** More often than an engine needs, so that learning can be watched. */
const reportIntervalMs = 2000
const kinds = {
  joint_inference: 'JointInferenceService',
  incremental_learning: 'IncrementalLearningJob',
  federated_learning: 'FederatedLearningJob',
} as const
const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const

/** Aborted by SIGINT and SIGTERM, and when the process that started this one is gone. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  // `on`, not `once`: a handler that is gone when the reporter looks would leave the end of the task to the reporter.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal))
  process.on('disconnect', () => stop.abort('SIGTERM'))
  return stop.signal
}

/** The exit code of a program that a signal ended, as a shell has it. */
export function exitCodeOf(stop: AbortSignal): number {
  return stop.reason === 'SIGINT' ? 128 + signalNumbers.SIGINT : 128 + signalNumbers.SIGTERM
}

/**
 * Does the work of a worker, reports how it ended, and leaves the process: 0, 1 when it failed, 128 + n after a signal.
 * Work that answers `goes on` is not over: the worker will be started anew, as a container is within its pod.
 */
export async function runWorker(options: WorkerOptions, work: (worker: Worker) => Promise<Outcome>): Promise<never> {
  const { resource, taskType, name, node, role } = options
  const stop = stopSignal()
  const engine = { engineType: 'sedna', instance: `${resource.namespace}/${name}`, node }
  const settings = { reportIntervalMs }
  const scope = createReporter({ ...aggregator(), engine, namespace: resource.namespace, taskLimit: 1, settings })
  const task = scope.task({ jobId: resource.job, execId: name, taskType })
  task.update({ attributes: { kind: kinds[taskType], uid: resource.uid } })
  const worker: Worker = {
    stop,
    log: task.log,
    tell: (metrics, progress) => {
      // Metrics are merged; an empty set takes back what was said before, such as the status of an earlier stage.
      task.update({ algorithmMetrics: {} })
      task.update({ algorithmMetrics: { workerRole: role, ...metrics }, progress })
    },
    say: async () => void (await scope.flush(sayTimeoutMs)),
  }
  worker.tell({})
  const code = await endOf(task, stop, work(worker))
  await scope.close()
  return process.exit(code)
}

async function endOf(task: Task, stop: AbortSignal, work: Promise<Outcome>): Promise<number> {
  try {
    const outcome = await work
    if (!stop.aborted) {
      if (outcome === 'is done') await task.finish('succeeded')
      return 0
    }
  } catch (error) {
    if (!stop.aborted) {
      console.error(error instanceof Error ? error.message : error)
      await task.fail(error)
      return 1
    }
  }
  await task.cancel(String(stop.reason))
  return exitCodeOf(stop)
}
