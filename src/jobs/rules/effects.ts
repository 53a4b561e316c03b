import type { HistorySample, JobRecord, LogEntry, ScopeEvent } from '../records.ts'

/** What a report sets off besides the records themselves. Collected while rules run, written in the same commit. */
export type Effects = {
  /** Changes of totals by field. */
  readonly counters: Map<string, number>
  readonly events: ScopeEvent[]
  /** Log lines for the job's tail and, where there is one, the outbox. */
  readonly lines: LogEntry[]
  /** Lines of our own: outbox only. */
  readonly ownLines: LogEntry[]
  readonly samples: HistorySample[]
  readonly timers: Timer[]
}

/** A moment at which the shard's owner looks again; `atMs` undefined = no longer. */
export type Timer = { readonly member: string; readonly atMs: number | undefined }

export function noEffects(): Effects {
  return { counters: new Map(), events: [], lines: [], ownLines: [], samples: [], timers: [] }
}

export function addTo(effects: Effects, field: string, delta: number): void {
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
  engine: (instance: string) => JSON.stringify(['engine', instance]),
  engineTasks: (instance: string) => JSON.stringify(['engine-tasks', instance]),
} as const
