import type { HistorySample, JobRecord, LogEntry, RunSample, ScopeEvent, TaskLabels, TaskRecord } from '../records.ts'

/** What a report sets off besides the records themselves. Collected while rules run, written in the same commit. */
export type Effects = {
  /** Changes of totals by field. */
  counters: Map<string, number>
  readonly events: ScopeEvent[]
  /** Log lines for the job's tail and, where there is one, the outbox. */
  readonly lines: LogEntry[]
  /** Lines of our own: outbox only. */
  readonly ownLines: LogEntry[]
  readonly samples: HistorySample[]
  readonly timers: Timer[]
  readonly runs: EndedRun[]
  /** Tasks that began to wait, or no longer do, by kind and task. */
  waiting: Map<string, Waiting>
}

/** A task's place among those of its kind that wait; `submittedAtMs` undefined = it does not wait. */
export type Waiting = { readonly labels: TaskLabels; readonly member: string; readonly submittedAtMs: number | undefined }

/** A task that waits, identified as listeners and indexes do it. */
type Waiter = Pick<TaskRecord, 'namespace' | 'jobId' | 'task' | 'labels'> & { readonly engine: string }

/** Enters a task among those that wait, or takes it out of them. The last word on a task counts. */
export function setWaiting({ labels, ...task }: Waiter, submittedAtMs: number | undefined, effects: Effects): void {
  const member = JSON.stringify([task.namespace, task.jobId, task.task, task.engine])
  if (effects.waiting === noneWaiting) effects.waiting = new Map()
  effects.waiting.set(JSON.stringify([labels.taskType, labels.engineType, member]), { labels, member, submittedAtMs })
}

/** A run to remember for the estimates of later ones. @property id names it, so that writing it twice changes nothing */
export type EndedRun = { readonly id: string; readonly labels: TaskLabels; readonly sample: RunSample }

/** A moment at which the shard's owner looks again; `atMs` undefined = no longer. */
export type Timer = { readonly member: string; readonly atMs: number | undefined }

/** Most reports change no total, and end no waiting. */
const noCounters: Map<string, number> = new Map()
const noneWaiting: Map<string, Waiting> = new Map()

export function noEffects(): Effects {
  return { counters: noCounters, events: [], lines: [], ownLines: [], samples: [], timers: [], runs: [], waiting: noneWaiting }
}

export function addTo(effects: Effects, field: string, delta: number): void {
  if (effects.counters === noCounters) effects.counters = new Map()
  const sum = (effects.counters.get(field) ?? 0) + delta
  if (sum === 0) effects.counters.delete(field)
  else effects.counters.set(field, sum)
}

/** Members of the sorted set of timers. */
export const timerOf = {
  gaps: (execId: string, job: Pick<JobRecord, 'namespace' | 'jobId'>) =>
    JSON.stringify(['gaps', job.namespace, job.jobId, execId]),
  olderGaps: (execId: string, job: Pick<JobRecord, 'namespace' | 'jobId'>) =>
    JSON.stringify(['gaps', job.namespace, job.jobId, execId, 'older']),
  expire: (job: Pick<JobRecord, 'namespace' | 'jobId'>) => JSON.stringify(['expire', job.namespace, job.jobId]),
  register: (job: Pick<JobRecord, 'namespace' | 'jobId'>, execId: string, engine: string) =>
    JSON.stringify(['register', job.namespace, job.jobId, execId, engine]),
  /** @param engineKey key of the record within its `ExecRecord` */
  watch: (record: Pick<TaskRecord, 'namespace' | 'jobId' | 'task'>, engineKey: string) =>
    JSON.stringify(['watch', record.namespace, record.jobId, record.task, engineKey]),
  engine: (instance: string) => JSON.stringify(['engine', instance]),
  engineTasks: (instance: string) => JSON.stringify(['engine-tasks', instance]),
} as const
