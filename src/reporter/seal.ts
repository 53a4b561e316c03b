import { type PartName, type TaskParts, wholeParts } from './coalesce.ts'
import type { ReporterSettings } from './options.ts'
import { type Problems, textOf } from './problems.ts'
import type { SealedReport } from './sealed.ts'
import type { TaskState } from './task-state.ts'
import type { Usage } from './wire.ts'

/** What a report says beside the task's own parts. */
export type SealContext = {
  readonly engineJson: string
  readonly reportedAt: string
  /** Measured; what the engine said goes first. */
  readonly usage: Usage | undefined
  readonly withLines: boolean
  /** Writes the end of the task, where it has ended. */
  readonly withEnd: boolean
}

/** Lines in one report; the aggregator takes 1,000, of which one may say how many were lost. */
export const reportLinesMax = 1000
/** Bytes of the lines in one report. Leaves room for the other parts within one request. */
export const reportLineBytesMax = 192 * 1024
const errorBytesMax = 8 * 1024
const openedOnce: ReadonlySet<PartName> = new Set(['metadata', 'lineage', 'workflowToken'])

/**
 * Writes the task's next report and numbers it. A report says everything that is known, so that the next one repairs
 * what a lost one left; only the opaque parts, which may be large, are left out until they change.
 */
export function sealTask(task: TaskState, context: SealContext, settings: ReporterSettings, problems: Problems): SealedReport {
  const end = context.withEnd ? task.end : undefined
  const lines = context.withLines ? task.lines.take(reportLinesMax, reportLineBytesMax) : []
  const parts = task.isBare ? [] : partsJson(task, context.usage, end !== undefined, settings.partBytesMax, problems)
  task.seq++
  const pieces = [
    task.identityJson,
    `"seq":${task.seq},"reportedAt":"${context.reportedAt}","status":"${end?.status ?? task.parts.status}"`,
    ...(task.parts.progress === undefined ? [] : [`"progress":${task.parts.progress}`]),
    ...parts,
    ...(end?.error === undefined ? [] : [`"error":${errorJson(end.error)}`]),
    context.engineJson,
    ...(lines.length === 0 ? [] : [`"logs":${JSON.stringify(lines)}`]),
  ]
  task.isDirty = false
  task.needsEverything = false
  task.parts.changed.clear()
  const bytes = Buffer.from(`{${pieces.join(',')}}`)
  return { task, seq: task.seq, bytes, logLines: lines.length, isFinal: end !== undefined, origin: 'new', notBeforeMs: 0 }
}

/** A report of the engine itself. It has no number: the newest to arrive counts. */
export function sealHeartbeat(namespace: string | undefined, engineJson: string, reportedAt: string): SealedReport {
  const prefix = namespace === undefined ? '' : `"namespace":${JSON.stringify(namespace)},`
  const bytes = Buffer.from(`{${prefix}"reportedAt":"${reportedAt}",${engineJson}}`)
  return { seq: 0, bytes, logLines: 0, isFinal: false, origin: 'new', notBeforeMs: 0 }
}

function partsJson(task: TaskState, usage: Usage | undefined, isEnd: boolean, bytesMax: number, problems: Problems): string[] {
  const { parts } = task
  const everything = task.needsEverything || isEnd
  const names: PartName[] = [...wholeParts, 'algorithmMetrics', 'attributes']
  const wanted = names.filter((name) => everything || !openedOnce.has(name) || parts.changed.has(name))
  const said = parts.values.get('usage')
  const all = { ...usage, ...(said instanceof Map ? Object.fromEntries(said) : {}) }
  const written = wanted.flatMap((name) => partJson(parts, name, bytesMax, problems))
  return Object.keys(all).length === 0 ? written : [...written, `"usage":${JSON.stringify(all)}`]
}

/** One part as text; one that cannot be written is forgotten, so that it does not cost again. */
function partJson(parts: TaskParts, name: PartName, bytesMax: number, problems: Problems): string[] {
  const value = parts.values.get(name)
  if (value === undefined) return []
  try {
    const json: string | undefined = JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value)
    if (json === undefined) throw new Error('it has no JSON')
    if (json.length <= bytesMax && Buffer.byteLength(json) <= bytesMax) return [`"${name}":${json}`]
    problems.tell('PART_TOO_LARGE', `${name} is larger than ${bytesMax} bytes and is left out`)
  } catch (error) {
    problems.tell('PART_UNREADABLE', `${name} cannot be written as JSON and is left out: ${textOf(error)}`)
  }
  parts.forget(name)
  return []
}

function errorJson(error: { readonly code?: string; readonly message?: string }): string {
  const { code, message } = error
  return JSON.stringify({ code: code?.slice(0, 200), message: message?.slice(0, errorBytesMax) })
}
