/** What hub and dispatchers say of a process to the aggregator: one job, reported by whoever has it. */
import type { Reporter, SubtaskProgress, Task } from '../../reporter/index.ts'
import type { NodeStatus, Outcome } from '../model/process.ts'

/** Which process, and the facts that are kept with its job. */
export type ReportedProcess = {
  readonly key: string
  readonly attempt: number
  readonly flowName: string
  readonly isAdhoc: boolean
}

/** Begins to report a process for this engine. */
export function reportProcess(
  reporter: Reporter,
  { key, attempt, flowName, isAdhoc }: ReportedProcess,
  status: 'inited' | 'running',
): Task {
  const task = reporter.task({
    jobId: key,
    execId: key,
    scope: 'job',
    taskType: 'hub_process',
    attempt: Math.max(1, attempt),
    status,
    measureUsage: false,
  })
  task.update({ attributes: { ...(flowName === '' ? {} : { flow: flowName }), adhoc: isAdhoc } })
  return task
}

/** Nodes as sub-tasks of one each, and the share of them that is done. */
export function progressOf(nodes: Iterable<readonly [string, NodeStatus]>): {
  progress: number
  progressInfo: SubtaskProgress[]
} {
  const progressInfo = [...nodes].map(([id, status]) => ({
    id,
    totalTasks: 1,
    runningTasks: status === 'RUNNING' ? 1 : 0,
    failedTasks: status === 'FAILED' ? 1 : 0,
    succeedTasks: status === 'DONE' ? 1 : 0,
  }))
  const done = progressInfo.reduce((sum, { succeedTasks }) => sum + succeedTasks, 0)
  return { progress: progressInfo.length === 0 ? 0 : done / progressInfo.length, progressInfo }
}

/** Ends the job of a process; LOST is the aggregator's own word, so it is told as failed. */
export function reportEnd(
  task: Task,
  outcome: Outcome,
  error: { code: string; message: string } | undefined,
  nodes: Iterable<readonly [string, NodeStatus]>,
): void {
  const last = { ...progressOf(nodes), ...(error === undefined ? {} : { error }) }
  const status = ({ SUCCEEDED: 'succeeded', FAILED: 'failed', CANCELLED: 'cancelled', LOST: 'failed' } as const)[outcome]
  void task.finish(status, last)
}
