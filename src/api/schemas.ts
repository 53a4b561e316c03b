/** JSON Schemas of what the API answers. A test holds them and real answers together. */
import { logLevels } from '../jobs/queries/log-line.ts'
import { engineStates } from '../jobs/records.ts'
import { taskStatuses } from '../report/status.ts'

type Schema = Readonly<Record<string, unknown>>

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

const text = { type: 'string' }
const number = { type: 'number' }
const count = { type: 'integer', minimum: 0 }
const flag = { type: 'boolean' }
const moment = { type: ['string', 'null'], format: 'date-time' }
const textOrNull = { type: ['string', 'null'] }
const numberOrNull = { type: ['number', 'null'] }
const cursor = { type: ['string', 'null'], description: 'Where to go on; null = there is nothing further.' }
const texts = { type: 'object', additionalProperties: text }
const anything = {}

/** An object of which every field is always there. */
function whole(properties: Schema, description?: string): Schema {
  const said = description === undefined ? {} : { description }
  return { type: 'object', ...said, properties, required: Object.keys(properties) }
}

function listOf(items: Schema): Schema {
  return { type: 'array', items }
}

function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] }
}

function named(names: readonly string[], schema: Schema): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, schema]))
}

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

const engineSummary = {
  instance: text,
  engineType: text,
  state: { type: 'string', enum: engineStates },
  up: { ...flag, description: 'Live: not suspect and not lost.' },
  facts: ref('EngineFacts'),
  insight: whole({ flapping: { ...flag, description: 'More than three restarts within 15 minutes, as of the last report.' } }),
  counts: whole(
    named(['running', 'pending', 'limit', 'succeeded', 'failed'], numberOrNull),
    '`succeeded` and `failed` are totals over all incarnations.',
  ),
  restarts: count,
  stateSeconds: whole(named(['idle', 'busy', 'locked', 'unlocked'], numberOrNull)),
  attributes: texts,
  timestamps: whole(named(['firstSeen', 'lastReport'], moment)),
}

const work = {
  progressInfo: listOf(ref('SubtaskProgress')),
  resources: ref('Resources'),
  usage: ref('Usage'),
  algorithmMetrics: { type: 'object', description: 'By field name: the newest value; of counters the total.' },
}

const jobSchemas = {
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

const engineSchemas = {
  EngineFacts: whole({
    instance: text,
    ...named(
      ['engineType', 'engineVersion', 'incarnation', 'ticketId', 'ecmInstance', 'node', 'user', 'creator', 'status'],
      textOrNull,
    ),
  }),
  EngineSummary: whole(engineSummary),
  EnginePage: whole({ engines: listOf(ref('EngineSummary')), nextCursor: cursor }),
  Engine: whole({
    ...engineSummary,
    tasks: listOf(
      whole({
        namespace: text,
        jobId: text,
        execId: text,
        status: textOrNull,
        progress: numberOrNull,
        etaSeconds: numberOrNull,
      }),
    ),
    usage: whole(named(['memoryBytes', 'gpuMemoryBytes', 'cpuSeconds'], numberOrNull), 'Of the tasks listed.'),
    isTruncated: flag,
  }),
  PrometheusTargets: listOf(whole({ targets: listOf(text), labels: texts })),
}

const otherSchemas = {
  DeadLetter: {
    type: 'object',
    properties: {
      id: text,
      reason: { ...text, description: "Loki's words." },
      bytes: count,
      ...named(['firstSeen', 'lastSeen', 'ts'], { type: 'string', format: 'date-time' }),
      ...named(['namespace', 'jobId', 'task', 'engine', 'level'], text),
      line: { ...text, description: 'The line, or the text that could not be read.' },
      fields: texts,
    },
    required: ['id', 'reason', 'bytes', 'firstSeen', 'lastSeen', 'line'],
  },
  DeadLetterPage: whole({ deadLetters: listOf(ref('DeadLetter')), nextCursor: cursor }),
  Replayed: whole({ replayed: count }),
  Deleted: whole({ deleted: count }),
  Error: whole({
    error: {
      type: 'object',
      properties: { code: text, message: text, path: { ...text, description: 'Where in the input the fault lies.' } },
      required: ['code', 'message'],
    },
  }),
  ReportAnswer: whole({
    ...named(['applied', 'late', 'duplicate', 'stale', 'closed', 'rejected'], count),
    results: listOf({
      type: 'object',
      properties: {
        index: count,
        outcome: { type: 'string', enum: ['applied', 'late', 'duplicate', 'stale', 'closed', 'rejected'] },
        ...named(['code', 'path', 'message'], text),
        missing: listOf(listOf(number)),
      },
      required: ['index', 'outcome'],
    }),
  }),
}

const programRun = whole(named(['namespace', 'application', 'version', 'type', 'program', 'run'], text))

const runtimeSchemas = {
  RuntimeRegistration: {
    type: 'object',
    properties: {
      runtimeId: { ...text, description: 'Id of the run; its job has the same.' },
      namespace: { ...text, default: 'default' },
      url: { ...text, description: 'Base URL of the heartbeat handler.' },
      mode: { type: 'string', enum: ['batch', 'per-topic'], default: 'batch' },
      topics: {
        ...listOf(text),
        description:
          'Names; `name:N` = N partitions. Those of the protocol and of ENGINESCOPE_RUNTIME_TOPICS: by default all of them.',
      },
      engineType: { ...text, default: 'cdap' },
      token: { ...text, description: 'Bearer token for the runtime. Kept, and never shown again.' },
    },
    required: ['runtimeId', 'url'],
  },
  RuntimeProcess: {
    type: 'object',
    properties: { alive: { const: false }, exitCode: { type: 'integer' }, message: text },
    required: ['alive'],
  },
  Runtime: {
    type: 'object',
    properties: {
      ...named(['runtimeId', 'namespace', 'url', 'mode', 'engineType'], text),
      state: { type: 'string', enum: ['ACTIVE', 'FINISHING', 'UNREACHABLE', 'ENDED'] },
      ...named(['owner', 'epoch', 'problem', 'detail'], textOrNull),
      ...named(['leaseEpoch', 'lastPollAt', 'lastSuccessAt', 'endedAt'], numberOrNull),
      registeredAt: number,
      failures: count,
      stop: { type: ['object', 'null'], description: 'What came of the wish to stop it.' },
      process: { type: ['object', 'null'], description: 'The notice that its process is gone.' },
      topics: {
        type: 'object',
        additionalProperties: whole({ offset: textOrNull, latest: textOrNull, behind: count }),
      },
    },
    required: ['runtimeId', 'namespace', 'url', 'mode', 'state', 'topics'],
  },
  RuntimeList: whole({ runtimes: listOf(ref('Runtime')) }),
  RuntimeMessages: whole({
    messages: listOf({
      type: 'object',
      properties: { topic: text, messageId: anything, reason: text, text },
      required: ['topic', 'text'],
    }),
  }),
  ProgramStatuses: whole({
    namespace: text,
    start_offset: textOrNull,
    next_offset: text,
    more: flag,
    messages: listOf({
      type: 'object',
      properties: {
        offset: text,
        programRunId: programRun,
        status: ref('Status'),
        programStatus: text,
        time: number,
        error: { type: 'object', properties: { code: text, message: text } },
      },
      required: ['offset', 'programRunId', 'status', 'programStatus'],
    }),
  }),
}

/** Every schema by name. */
export const schemas: Readonly<Record<string, Schema>> = {
  ...jobSchemas,
  ...engineSchemas,
  ...runtimeSchemas,
  ...otherSchemas,
}
