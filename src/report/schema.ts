/**
 * The wire message as one source: the TypeScript type, the published JSON Schema, and the schema that is compiled for the hot path
 * are all made from the zod schemas of this file.
 *
 * A part marked `lenient` never rejects a report: the compiled form takes anything there, and the reader of that field drops and
 * notes what it cannot use. What is left decides identity and order, and rejects.
 */
import { z } from 'zod'
import { defaultReportLimits, type ReportLimits } from './limits.ts'

const lenientMark = 'lenient'

/** A part that is dropped, not a reason to reject, when it does not fit. `null` is "no news" everywhere. */
function lenient<T extends z.ZodType>(schema: T) {
  return schema.nullish().meta({ [lenientMark]: true })
}

function says<T extends z.ZodType>(schema: T, description: string): T {
  return schema.meta({ ...schema.meta(), description })
}

/** Characters of an id. */
function id(limits: ReportLimits) {
  return z.string().regex(new RegExp(`^[A-Za-z0-9_.:@/-]{1,${limits.idLengthMax}}$`))
}

/** A time may carry a zone: `+` is allowed beside the characters of an id. */
function incarnation(limits: ReportLimits) {
  const text = z.string().regex(new RegExp(`^[A-Za-z0-9_.:@/+-]{1,${limits.idLengthMax}}$`))
  return z.union([text, z.int().min(0)])
}

const quantity = z.number().min(0).max(Number.MAX_SAFE_INTEGER)
const count = z.int().min(0)
const ordinal = z.int().min(1)
const ratio = z.number().min(0).max(1)
const time = z.union([z.iso.datetime({ offset: true }), z.int().min(0)])
const text = z.string()
const json = z.unknown()

function engineSchema(limits: ReportLimits) {
  return z.looseObject({
    instance: says(id(limits), 'Name of the engine, stable over its restarts, e.g. `node-07:38215`.'),
    incarnation: says(
      incarnation(limits).nullish(),
      'One word per start of the engine, best the time of the start. Not more than a day ahead of the aggregator.',
    ),
    engineType: lenient(text),
    engineVersion: lenient(text),
    ticketId: lenient(text),
    ecmInstance: lenient(text),
    node: lenient(text),
    user: lenient(text),
    creator: lenient(text),
    status: says(lenient(text), "The engine's own state, free text; never the status of a task."),
    stateSeconds: says(
      lenient(
        z.looseObject({
          idle: lenient(quantity),
          busy: lenient(quantity),
          locked: lenient(quantity),
          unlocked: lenient(quantity),
        }),
      ),
      'Seconds spent in each state, cumulative since the incarnation began.',
    ),
  })
}

const subtask = z.looseObject({
  id: z.string().min(1),
  totalTasks: lenient(count),
  runningTasks: lenient(count),
  failedTasks: lenient(count),
  succeedTasks: lenient(count),
})

const application = z.looseObject({
  queueMemory: says(lenient(quantity), 'Bytes.'),
  queueCores: says(lenient(quantity), 'Virtual cores.'),
  queueInstances: says(lenient(quantity), 'Containers.'),
  jobStatus: says(
    lenient(text),
    'SUCCEEDED, SUCCESS, FINISHED, COMPLETED, FAILED, KILLED and ERROR end it; any other word is live.',
  ),
  queue: lenient(text),
})

const usage = z.looseObject({
  cpuSeconds: says(lenient(quantity), 'Cumulative since the incarnation began.'),
  memoryBytes: lenient(quantity),
  gpuMemoryBytes: lenient(quantity),
  gpuUtilizationRatio: lenient(ratio),
})

const engineTaskCounts = z.looseObject({
  running: lenient(count),
  pending: lenient(count),
  succeeded: says(lenient(count), 'Cumulative since the incarnation began.'),
  failed: says(lenient(count), 'Cumulative since the incarnation began.'),
  limit: lenient(count),
})

function logLine(limits: ReportLimits) {
  return z.looseObject({
    ts: lenient(time),
    level: lenient(text),
    line: says(z.string(), `At most ${limits.logLineBytesMax} bytes of UTF-8; a longer one is cut.`),
    fields: lenient(z.record(z.string(), json)),
  })
}

function taskFields(limits: ReportLimits) {
  return {
    namespace: says(id(limits).nullish(), 'Default `default`.'),
    jobId: says(id(limits).nullish(), 'Default `<engine.instance>/<execId>`.'),
    execId: says(id(limits).nullish(), 'Absent in an engine heartbeat.'),
    taskType: says(lenient(text), 'Default `generic`.'),
    attempt: says(ordinal.nullish(), 'Default 1. Only a higher attempt starts a task over.'),
    seq: says(ordinal.nullish(), '1, 2, 3, ... per namespace, job, engine instance, incarnation, execId and attempt.'),
    reportedAt: says(lenient(time), "The engine's clock: RFC 3339 with a zone, or epoch milliseconds."),
    status: says(z.string().nullish(), 'A canonical status or one of its aliases; an unknown word rejects the report.'),
    scope: says(z.enum(['task', 'job']).nullish(), 'Default `task`; `job`: the report speaks for the whole job.'),
    progress: says(lenient(ratio), '0..1.'),
    progressInfo: lenient(z.array(subtask).max(limits.subtasksMax)),
    resourceMap: says(lenient(z.record(z.string(), application)), 'By application id; names all applications there are now.'),
    usage: says(lenient(usage), "Of the task's own process."),
    engineTaskCounts: lenient(engineTaskCounts),
    algorithmMetrics: says(
      lenient(z.record(z.string(), json)),
      `At most ${limits.metricsMax} entries; the catalogue knows some of them for the task type.`,
    ),
    attributes: says(lenient(z.record(z.string(), json)), 'Free facts, kept as text with the job, never labels.'),
    metadata: lenient(json),
    lineage: lenient(json),
    workflowToken: lenient(json),
    error: lenient(z.looseObject({ code: lenient(text), message: lenient(text) })),
    logs: says(lenient(z.array(logLine(limits))), `At most ${limits.logLinesMax} lines.`),
  }
}

/** The report as an engine sends it. */
export function taskRunningInfoSchema(limits: ReportLimits) {
  return z
    .looseObject({
      ...taskFields(limits),
      engine: engineSchema(limits),
      extraInfoMap: says(lenient(z.record(z.string(), json)), 'Another name for `attributes`.'),
    })
    .meta({ title: 'TaskRunningInfo', description: 'Everything there is to say about one task, or about an idle engine.' })
}

/** The message of Linkis itself: no `engine`, its instance is named in `extraInfoMap`. */
export function linkisMessageSchema(limits: ReportLimits) {
  const extraInfo = z.looseObject({
    engineInstance: id(limits),
    ticketId: lenient(text),
    yarnqueueName: lenient(text),
  })
  return z
    .looseObject({ ...taskFields(limits), extraInfoMap: extraInfo })
    .meta({ title: 'LinkisTaskRunningInfo', description: 'The bare message of Linkis, taken as it is.' })
}

/** The message on the wire, as a reporter builds it. @public */
export type TaskRunningInfo = z.input<ReturnType<typeof taskRunningInfoSchema>>

export type JsonSchema = Record<string, unknown>

/** JSON Schema 2020-12 of a wire message. `published` says what a sender should send, `compiled` what rejects a report. */
export function jsonSchemaOf(schema: z.ZodType, form: 'published' | 'compiled'): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (form === 'compiled') joinBranches(jsonSchema as JsonSchema)
      if (!(lenientMark in jsonSchema)) return
      if (form === 'published') delete jsonSchema[lenientMark]
      else for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
    },
  }) as JsonSchema
}

/**
 * Makes one check of "this type or that", as all that may be null is. The compiled form of branches tries every one of them, and makes an
 * error, to be thrown away, for each that does not fit: several for a report in which nothing is wrong.
 */
function joinBranches(schema: JsonSchema): void {
  const branches = branchesOf(schema)
  if (branches.length < 2) return
  delete schema['anyOf']
  // What a keyword asks of one type says nothing of another, but for this one.
  const words = branches.flatMap((branch) => (branch['enum'] as readonly unknown[] | undefined) ?? [])
  Object.assign(schema, ...branches, { type: branches.flatMap((branch) => branch['type']) })
  if (words.length > 0) schema['enum'] = [...words, null]
}

const branchesOf = (schema: JsonSchema): readonly JsonSchema[] =>
  (schema['anyOf'] as readonly JsonSchema[] | undefined)?.flatMap(branchesOf) ?? [schema]

/** The published schema of one report: a task's report or an engine's heartbeat, ours or Linkis's own. */
export function publishedReportSchema(limits: ReportLimits = defaultReportLimits): JsonSchema {
  const { $schema, ...report } = jsonSchemaOf(taskRunningInfoSchema(limits), 'published')
  const { $schema: _, ...bare } = jsonSchemaOf(linkisMessageSchema(limits), 'published')
  const has = (key: string) => ({ required: [key], properties: { [key]: { not: { type: 'null' } } } })
  const isHeartbeatOrSaysNews = { anyOf: [{ properties: { execId: { type: 'null' } } }, has('status'), has('progress')] }
  return { $schema, anyOf: [report, bare], allOf: [isHeartbeatOrSaysNews] }
}
