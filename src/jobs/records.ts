/** What is stored of jobs, tasks and engines: plain JSON, one record per hash field, and the same text on the event stream. */
import type { Application, EngineFacts, EngineTaskCounts, SubtaskProgress, TaskError } from '../report/report.ts'
import type { OpenStatus, TaskStatus } from '../report/status.ts'
import type { LearningRecord } from './learning/learning-record.ts'

/**
 * A value that only grows while one incarnation lives: the maximum of each incarnation, added up.
 * `base` holds incarnations that were folded away. Its total is {@link totalOf}.
 */
export type Cumulative = { base: number; per: [incarnation: string, max: number][] }

/** Sequence numbers of one incarnation of a task: the newest, and the ranges below it that never came. */
export type SeqStream = {
  incarnation: string
  /** Who counts, where several engines report one record (job-scoped). */
  engine?: string
  newest: number
  missing: [from: number, to: number, openedAtMs: number][]
}

/** Label values under which a task is counted. Fixed when the task is first seen, folded to `other` beyond the caps. */
export type TaskLabels = { namespace: string; taskType: string; engineType: string }

/** All times ending in `AtMs` are epoch milliseconds. `…Arrival…` is the store's clock; the others are the engine's where it gave one. */
export type TaskRecord = {
  namespace: string
  jobId: string
  /** `execId` */
  task: string
  attempt: number
  scope: 'task' | 'job'
  labels: TaskLabels
  engine: EngineFacts
  /** Newest incarnation that reported this task; `''` when none was named. */
  incarnation: string
  status: TaskStatus
  /** What the task was before it was given up as lost. */
  statusBeforeLost?: OpenStatus
  /** Last report of the engine as of which the task was last given up or taken up: what an older view of it says is void. */
  alignedAsOfMs?: number
  /** 0..1, after caps and monotony. */
  progress: number
  /** Whether any report said something usable about progress. */
  hasProgress: boolean
  progressInfo: readonly SubtaskProgress[]
  applications: readonly Application[]
  usage: { memoryBytes?: number; gpuMemoryBytes?: number; gpuUtilizationRatio?: number; cpuSeconds?: Cumulative }
  /** CPU seconds of earlier attempts of the same task on the same engine, so that its counter series never steps back. */
  cpuSecondsCarried?: number
  /** Newest value of each algorithm metric that is no counter. */
  metrics: Readonly<Record<string, unknown>>
  /** Algorithm metrics that the catalogue calls counters. */
  counters: Record<string, Cumulative>
  attributes: Record<string, string>
  error?: TaskError
  submittedAtMs: number
  scheduledAtMs?: number
  startedAtMs?: number
  endedAtMs?: number
  /** When this task was first heard of. */
  firstArrivalAtMs: number
  startedArrivalAtMs?: number
  endedArrivalAtMs?: number
  lastReportAtMs: number
  /** Newest first; at most 4 incarnations. */
  streams: readonly SeqStream[]
  /** Arrival order of the report `seq` = newest, in microseconds: what makes the engine's gauges idempotent. */
  engineStampUs: number
  /** Newest reports whose lines found no room: a repeat of one says so again, in case the answer was lost. */
  refusedLines?: [incarnation: string, seq: number, lines: number][]
  /** Reports taken in, whatever their place. */
  applied: number
  /** Its waiting and run time are in the histograms. Observed once, when no report is missing that could still change them. */
  isQueueObserved?: boolean
  isDurationObserved?: boolean
  /** The time of its stage is in the job's histogram. */
  isStageObserved?: boolean
  /** From its first running report on. */
  pace?: Pace
  /** Only while it runs. */
  findings?: TaskFindings
  /** A later attempt, or a newer run of the same derived id, took its place: kept for the job's history only. */
  isSuperseded?: boolean
}

/** How the progress of an attempt came along. Times of arrival. */
export type Pace = {
  /** When it moved last, or the task began to run (again). */
  movedAtMs: number
  /** How often it moved. */
  steps: number
  /** Time between those moves while it ran: all together, and the longest. */
  gapsMs: number
  longestGapMs: number
  /** Time after the start at which it passed 0.1, 0.2, ... as far as it has come; 0 = it was first seen beyond. */
  tenthsMs: number[]
}

/** A run that succeeded: its time, its longest time without progress, and, where it was seen from the start, its tenths. */
export type RunSample = [runMs: number, longestGapMs: number, ...tenthsMs: number[]]

/** What the shard's owner found out about a running task by itself; when it did so. */
export type TaskFindings = {
  /** It reports, but makes no progress. Counted in `enginescope_tasks_stalled`. */
  stalledSinceMs?: number
  /** It runs far longer than its kind. */
  overdueSinceMs?: number
  /** It is far behind the other tasks of its job. */
  straggledSinceMs?: number
}

/** What is known of a task: field `t:<execId>` of its job's hash. */
export type ExecRecord = {
  /** The attempt that counts. */
  attempt: number
  /** Records of that attempt, one per engine instance (one, keyed `''`, when job-scoped). */
  current: Record<string, TaskRecord>
  /** What earlier attempts have counted, by the same keys; it is part of the counters of the present one. */
  carried?: Record<string, Carried>
}

/** Totals of a task's counters. */
export type Carried = { readonly cpuSeconds: number; readonly counters: Readonly<Record<string, number>> }

/** Whose word on a job's type counts, in this order: of the whole job before a task's, the least execId, the newest attempt, the least engine. */
export type Teller = readonly [scope: 0 | 1, execId: string, minusAttempt: number, engine: string]

export type JobRecord = {
  namespace: string
  jobId: string
  /** What {@link Teller}s say. An earlier build did not keep who: then the next word counts. */
  taskType: string
  engineType: string
  taskTypeFrom?: Teller
  engineTypeFrom?: Teller
  /** Of the report that came first: series of the job are under them, and must not move. */
  labels: TaskLabels
  /** Instance of the engine that reported last. */
  engine: string
  user?: string
  status: TaskStatus
  /** 0..1 */
  progress: number
  /** Tasks that count: of the newest attempt, not job-scoped. */
  taskCount: number
  taskCountByStatus: Partial<Record<TaskStatus, number>>
  /** Sum of their progress in units of 1e-9, so that adding and taking away leaves no rest. */
  progressSumE9: number
  /** execId of the job-scoped report, when there is one: its status and progress are the job's. */
  jobScopedTask?: string
  submittedAtMs: number
  scheduledAtMs?: number
  startedAtMs?: number
  endedAtMs?: number
  /** Latest end of any task, by the engines' clocks. */
  tasksEndedAtMs?: number
  firstArrivalAtMs: number
  endedArrivalAtMs?: number
  lastReportAtMs: number
  error?: TaskError
  attributes: Record<string, string>
  /** `attributes.uid` of the resource that the job is: another one under the same name is another job. */
  uid?: string
  /** Uids of jobs that this one has taken the place of, newest first, at most 8: what is still said of them is stale. */
  formerUids?: readonly string[]
  metadata?: unknown
  lineage?: unknown
  workflowToken?: unknown
  /** What its tasks have said of it, where its type is a learning one. */
  learning?: LearningRecord
  /** The runtime whose messages were taken in first, and how far each topic of its log has been. */
  fetched?: { runtimeId: string; upTo: Record<string, string> }
  /** Number of the newest entry of the tail list. */
  tailNo: number
  lastSampleAtMs?: number
  lastSampleStatus?: TaskStatus
}

export const engineStates = ['live', 'suspect', 'lost'] as const
export type EngineState = (typeof engineStates)[number]

/** Field `engine` of an engine's hash. */
export type EngineRecord = {
  instance: string
  facts: EngineFacts
  /** Label value, folded to `other` beyond the cap. */
  engineType: string
  incarnation: string
  /** Every incarnation known, newest first, at most 8: those behind the first are old. */
  incarnations: string[]
  state: EngineState
  /** Lost for longer than the engine linger: its series are gone, its totals are kept until retention. */
  isGone: boolean
  firstSeenAtMs: number
  lastReportAtMs: number
  counts: EngineTaskCounts
  /** Arrival order of the report the counts came from, microseconds. */
  countsStampUs: number
  finished: { succeeded?: Cumulative; failed?: Cumulative }
  stateSeconds: { idle?: Cumulative; busy?: Cumulative; locked?: Cumulative; unlocked?: Cumulative }
  restarts: number
  /** Arrival of the newest restarts, oldest first, at most 4. */
  restartedAtMs?: number[]
  attributes: Record<string, string>
  /** Numbers of heartbeats that carried one. */
  streams: readonly SeqStream[]
}

/** A packed set of log lines: one entry of the outbox and of a job's tail. */
export type LogEntry = {
  namespace: string
  engineType: string
  taskType: string
  jobId: string
  /** Absent for lines of an engine heartbeat. */
  task?: string
  attempt?: number
  engine: string
  node?: string
  /** Made by the aggregator (`job_finished`): shipped, but no line of an engine. */
  isOwn?: boolean
  /** Time in nanoseconds, strictly rising, fixed for ever when the report was applied. */
  lines: [tsNs: string, level: string, line: string, fields?: Record<string, string>][]
}

/** One sample of a job's history. */
export type HistorySample = {
  at: number
  status: TaskStatus
  progress: number
  memoryBytes?: number
  cpuSeconds?: number
  tasks?: number
}

/**
 * What a commit says to the listeners of its shard. `still`: a record that differs from it only in numbers which every report moves; to
 * look at `record` costs something then. `reference`: {@link referenceTo} of it, where that is at hand.
 */
export type ScopeEvent =
  | { readonly kind: 'task'; readonly record: TaskRecord; readonly still?: TaskRecord; readonly reference?: string }
  | { readonly kind: 'job'; readonly record: JobRecord; readonly still?: JobRecord }
  | { readonly kind: 'engine'; readonly record: EngineRecord }
  | {
      readonly kind: 'task-gone'
      readonly namespace: string
      readonly jobId: string
      readonly task: string
      readonly engine: string
    }
  | { readonly kind: 'job-gone'; readonly namespace: string; readonly jobId: string }
  | { readonly kind: 'engine-gone'; readonly instance: string }

/** The record of an event but perhaps for numbers that every report moves: to look at that costs nothing. */
export const stillOf = <T>(event: { readonly record: T; readonly still?: T }): T => event.still ?? event.record

/** Names a task's record in the event stream. */
export const referenceTo = ({ namespace, jobId, task, engine, scope }: TaskRecord): string =>
  JSON.stringify([namespace, jobId, task, engine.instance, scope])

export type TaskEvent = Extract<ScopeEvent, { readonly kind: 'task' }>

/** A record by its engine. Ids come from outside: one like `constructor` must find what was stored under it, or nothing. */
export function recordAt(exec: ExecRecord | undefined, engineKey: string): TaskRecord | undefined {
  return exec !== undefined && Object.hasOwn(exec.current, engineKey) ? exec.current[engineKey] : undefined
}

/** Total of a cumulative value over all incarnations. */
export function totalOf(value: Cumulative | undefined): number | undefined {
  if (value === undefined) return undefined
  return value.per.reduce((sum, [, max]) => sum + max, value.base)
}
