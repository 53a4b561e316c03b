import {
  anything,
  count,
  cursor,
  flag,
  listOf,
  moment,
  named,
  number,
  numberOrNull,
  orNull,
  ref,
  text,
  textOrNull,
  texts,
  whole,
} from '../http/schema-parts.ts'
import { logLevels } from '../jobs/queries/log-line.ts'
import { taskStatuses } from '../report/status.ts'

const jobSummary = {
  namespace: text,
  jobId: text,
  taskType: text,
  engineType: text,
  engine: ref('EngineFacts'),
  user: textOrNull,
  status: ref('Status'),
  progress: ref('Progress'),
  taskCount: { ...count, description: 'Tasks of the newest attempts.' },
  taskCountByStatus: { type: 'object', additionalProperties: count },
  timestamps: ref('Timestamps'),
  durations: ref('Durations'),
  error: orNull(ref('TaskError')),
  attributes: texts,
  etaSeconds: { ...numberOrNull, description: 'The same as `eta.seconds`.' },
  eta: ref('Eta'),
}

const work = {
  progressInfo: listOf(ref('SubtaskProgress')),
  resources: ref('Resources'),
  usage: ref('Usage'),
  algorithmMetrics: { type: 'object', description: 'By field name: the newest value; of counters the total.' },
}

/** Jobs, their tasks, history and log lines. */
export const jobSchemas = {
  Status: { type: 'string', enum: taskStatuses },
  Progress: { type: 'number', minimum: 0, maximum: 1 },
  Timestamps: whole(named(['submitted', 'scheduled', 'started', 'ended', 'lastReport'], moment)),
  Durations: whole(
    named(['queueSeconds', 'runSeconds'], numberOrNull),
    '`runSeconds` goes to the last report while the end has not come.',
  ),
  Eta: whole(
    {
      ...named(['seconds', 'lowSeconds', 'highSeconds'], numberOrNull),
      basis: { type: ['string', 'null'], enum: ['progress', 'history', 'both', null] },
    },
    'Time left as of the last report, and the bounds within which it lies in about four of five cases; null when not known.',
  ),
  Insight: whole(
    {
      ...named(['stalled', 'overdue', 'straggler'], flag),
      ...named(['stalledSince', 'overdueSince', 'stragglerSince'], moment),
    },
    'What was found out about a running task, or about any running task of a job: reports without progress, runs far longer than its kind, is far behind its siblings.',
  ),
  TaskError: whole(named(['code', 'message'], textOrNull)),
  SubtaskProgress: whole({ id: text, ...named(['totalTasks', 'runningTasks', 'failedTasks', 'succeedTasks'], number) }),
  Resources: whole({
    applications: listOf(
      whole({
        applicationId: text,
        queueMemory: { ...number, description: 'bytes' },
        queueCores: number,
        queueInstances: number,
        jobStatus: text,
        queue: text,
        live: flag,
      }),
    ),
    totals: whole(named(['memoryBytes', 'cpuCores', 'containers'], number), 'Over live applications.'),
  }),
  Usage: whole(named(['cpuSeconds', 'memoryBytes', 'gpuMemoryBytes', 'gpuUtilizationRatio'], numberOrNull)),
  Task: whole({
    execId: text,
    attempt: { type: 'integer' },
    scope: { type: 'string', enum: ['task', 'job'] },
    engine: ref('EngineFacts'),
    status: ref('Status'),
    progress: ref('Progress'),
    ...work,
    attributes: texts,
    error: orNull(ref('TaskError')),
    timestamps: ref('Timestamps'),
    durations: ref('Durations'),
    seq: { ...numberOrNull, description: 'Newest sequence number of the newest incarnation.' },
    missing: { ...listOf(listOf(number)), description: 'Ranges of sequence numbers that never came.' },
    etaSeconds: numberOrNull,
    eta: ref('Eta'),
    insight: ref('Insight'),
  }),
  JobSummary: whole(jobSummary),
  JobPage: whole({ jobs: listOf(ref('JobSummary')), nextCursor: cursor }),
  Job: whole({
    ...jobSummary,
    ...work,
    insight: ref('Insight'),
    tasks: { ...listOf(ref('Task')), description: 'Tasks of the newest attempts, oldest first.' },
    attempts: { ...listOf(ref('Task')), description: 'Earlier attempts and runs, newest first.' },
    isTruncated: { ...flag, description: 'A list leaves some out; sums and counts are over all.' },
    metadata: anything,
    lineage: anything,
    workflowToken: anything,
  }),
  History: whole({
    samples: listOf(
      whole({
        at: moment,
        status: ref('Status'),
        progress: ref('Progress'),
        ...named(['memoryBytes', 'cpuSeconds', 'tasks'], numberOrNull),
      }),
    ),
  }),
  LogPage: whole({
    lines: listOf(
      whole({
        ts: moment,
        level: { type: 'string', examples: logLevels },
        line: text,
        execId: textOrNull,
        engine: text,
        fields: texts,
      }),
    ),
    nextCursor: cursor,
    resumeCursor: { ...textOrNull, description: 'Where lines that come later begin, for following in ascending order.' },
    source: { type: 'string', enum: ['tail', 'loki'] },
    hasGap: { ...flag, description: 'Lines that belong here are no longer held.' },
  }),
}
