import { isEnd } from '../../report/status.ts'
import { jobName, type Keys, type Shard } from '../keys.ts'
import { type ExecRecord, type JobRecord, recordAt, type TaskRecord } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import { isOpenJob } from '../rules/job-summary.ts'
import { Change } from './change.ts'
import { tailText, writeEffects } from './effect-commands.ts'
import type { JobLimits, OutboxGate } from './job-item.ts'
import type { JobSnapshot, LoadedJob } from './loaded-job.ts'
import type { Held } from './record-cache.ts'
import { execFields, jobFields, numbersField, numbersText, type Written, writeExec, writeJob } from './record-text.ts'

export type Encoding = {
  readonly shard: Shard
  /** {@link jobName} of the record. */
  readonly name: string
  readonly keys: Keys
  readonly limits: JobLimits
  readonly gate: OutboxGate
  readonly held: Held<LoadedJob>
  readonly known: JobSnapshot
  readonly effects: Effects
  readonly token: string
}

/** Writes what the rules changed of a job. */
export function encodeJob(encoding: Encoding): Change {
  const { shard, keys, limits, gate, held, effects, token } = encoding
  const { state } = held
  const change = new Change(state.keys.record, held.token, token)
  if (!writeMoves(change, state, effects)) writeRecords(change, encoding)
  const job = state.job as JobRecord
  writeTail(change, encoding, job)
  if (effects.samples.length > 0) {
    const history = keys.history(shard, job.namespace, job.jobId)
    change.run('RPUSH', history, ...effects.samples.map((sample) => JSON.stringify(sample)))
    change.run('LTRIM', history, -limits.historySamplesMax, -1)
  }
  writeEffects(change, shard, keys, gate.isShipping, effects)
  return change.orLook()
}

/** Writes the records that the rules have changed, and where they are listed. */
function writeRecords(change: Change, encoding: Encoding): void {
  const { held, known, effects } = encoding
  const { state } = held
  if (effects.lines.length > 0) countTail(state, known, effects)
  const job = state.job as JobRecord
  if (job !== known.job) setJob(change, state, job)
  for (const [execId, before] of known.execs) {
    const exec = state.execs.get(execId)
    if (exec !== undefined && exec !== before) setExec(change, state, execId, exec)
  }
  for (const [execId, before] of known.older) {
    const older = state.older.get(execId)
    if (older !== before) change.set(`o:${execId}`, JSON.stringify(older))
  }
  indexJob(change, encoding, job)
  indexTasks(change, encoding)
}

/** Where reports have only moved numbers, these are all that is written. @returns whether they have */
function writeMoves(change: Change, state: LoadedJob, effects: Effects): boolean {
  const moves = state.takeMoves(effects.lines.length, effects)
  if (moves === undefined) return false
  const { tasks, job } = moves
  const fields = new Array<string>(2 + 2 * tasks.length)
  fields[0] = jobFields[1]
  fields[1] = numbersText(job.template, job.numbers)
  for (const [i, { execId, template, numbers }] of tasks.entries()) {
    fields[2 + 2 * i] = numbersField(execId)
    fields[3 + 2 * i] = numbersText(template, numbers)
  }
  change.setAll(fields)
  return true
}

function setJob(change: Change, state: LoadedJob, job: JobRecord): void {
  const written = writeJob(job, state.jobTemplate)
  state.jobWritten(written)
  setFields(change, jobFields, written)
}

function setExec(change: Change, state: LoadedJob, execId: string, exec: ExecRecord): void {
  const written = writeExec(exec, state.taskTemplate(execId))
  state.taskWritten(execId, written)
  setFields(change, execFields(execId), written)
}

function setFields<T>(change: Change, [template, numbers]: readonly [string, string], written: Written<T>): void {
  if (written.text !== undefined) change.set(template, written.text)
  change.set(numbers, numbersText(written.template, written.numbers))
}

/** New lines change the job's record, also where nothing else does: whoever follows the tail is told by it. */
function countTail(state: LoadedJob, known: JobSnapshot, effects: Effects): void {
  const before = state.job as JobRecord
  const tailNo = before.tailNo + effects.lines.length
  if (before !== known.job) {
    // A copy that the rules have made, and told of: nobody has seen it yet.
    before.tailNo = tailNo
    return
  }
  const job = { ...before, tailNo }
  state.job = job
  effects.events.push({ kind: 'job', record: job })
}

function indexJob(change: Change, { shard, name, keys, known }: Encoding, job: JobRecord): void {
  if (known.job === undefined) change.run('ZADD', keys.jobs(shard), job.firstArrivalAtMs, name)
  const wasOpen = known.job !== undefined && isOpenJob(known.job)
  if (isOpenJob(job) && !wasOpen) change.run('ZADD', keys.openJobs(shard), job.firstArrivalAtMs, name)
  if (!isOpenJob(job) && wasOpen) change.run('ZREM', keys.openJobs(shard), name)
}

const shownMember = (record: TaskRecord) => JSON.stringify([record.namespace, record.jobId, record.task, record.engine.instance])

/** Keeps the list of tasks that have series: open ones, and ended ones until they have lingered. */
function indexTasks(change: Change, { shard, keys, limits, held, known }: Encoding): void {
  const key = keys.shown(shard)
  for (const [execId, before] of known.execs) {
    const exec = held.state.execs.get(execId)
    if (exec === before) continue
    const gone = before === undefined ? [] : membersGone(before, exec)
    change.runMany('ZREM', key, gone)
    for (const engine in exec?.current) {
      const record = exec.current[engine] as TaskRecord
      const score = newScore(recordAt(before, engine), record, limits.lingerMs)
      if (score !== undefined) change.run('ZADD', key, score, shownMember(record))
    }
  }
}

function membersGone(before: ExecRecord, after: ExecRecord | undefined): string[] {
  const gone: string[] = []
  for (const engine in before.current) {
    const record = before.current[engine] as TaskRecord
    if (!isSameTask(record, recordAt(after, engine))) gone.push(shownMember(record))
  }
  return gone
}

/** Score of a lost task: it may be forgotten any time, and is entered again when it is taken up. */
const lostScore = 1

/** When a task's series may go: 0 = not while it is open; undefined = as was decided before. */
function newScore(before: TaskRecord | undefined, record: TaskRecord, lingerMs: number): number | undefined {
  const known = before !== undefined && isSameTask(before, record) ? before.status : undefined
  if (isEnd(record.status)) return known !== undefined && isEnd(known) ? undefined : (record.endedArrivalAtMs ?? 0) + lingerMs
  if (record.status === 'lost') return known === 'lost' ? undefined : lostScore
  return known === undefined || known === 'lost' ? 0 : undefined
}

const isSameTask = (a: TaskRecord, b: TaskRecord | undefined): boolean =>
  b !== undefined &&
  a.attempt === b.attempt &&
  a.firstArrivalAtMs === b.firstArrivalAtMs &&
  a.engine.instance === b.engine.instance

function writeTail(change: Change, { held, limits, known: { job: known }, effects }: Encoding, job: JobRecord): void {
  const { tail } = held.state.keys
  const { lines } = effects
  for (const entry of lines) change.run('TAIL', tail, tailText(entry, limits.tailBytesMax), limits.tailBytesMax)
  const isOpenNow = isOpenJob(job)
  const hasEnded = !isOpenNow && (known === undefined || isOpenJob(known))
  if (hasEnded || (!isOpenNow && lines.length > 0)) change.run('PEXPIRE', tail, limits.tailRetentionMs)
  if (isOpenNow && known !== undefined && !isOpenJob(known)) change.run('PERSIST', tail)
}

/** Takes a job out of the store with all that belongs to it. Lines that came with its last moment are still shipped. */
export function encodeRemoval(
  shard: Shard,
  keys: Keys,
  gate: OutboxGate,
  held: Held<LoadedJob>,
  known: JobSnapshot,
  effects: Effects,
): Change | undefined {
  const job = known.job
  if (job === undefined) return undefined
  const change = new Change(keys.job(shard, job.namespace, job.jobId), held.token, '')
  change.run('DEL', keys.tail(shard, job.namespace, job.jobId))
  change.run('DEL', keys.history(shard, job.namespace, job.jobId))
  change.run('ZREM', keys.jobs(shard), jobName(job.namespace, job.jobId))
  change.run('ZREM', keys.openJobs(shard), jobName(job.namespace, job.jobId))
  change.runMany(
    'ZREM',
    keys.shown(shard),
    effects.events.flatMap((event) =>
      event.kind === 'task-gone' ? [JSON.stringify([event.namespace, event.jobId, event.task, event.engine])] : [],
    ),
  )
  writeEffects(change, shard, keys, gate.isShipping, effects)
  return change
}
