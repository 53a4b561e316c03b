/** From the wire to the canonical report: aliases resolved, `null` made absent, everything checked, cleaned and bounded. */
import { bareEngineOf, engineOf } from './engine-facts.ts'
import { fieldsInto, isAbsent, isObject, type JsonObject, type Read } from './fields.ts'
import { identityCheckOf } from './identity.ts'
import { defaultReportLimits, type ReportLimits } from './limits.ts'
import { Notes, type Rejection } from './notes.ts'
import type { EngineFacts, Report } from './report.ts'
import { type Draft, taskFields } from './task-fields.ts'
import { attributesOf } from './text-map.ts'

export type ParseResult =
  | {
      readonly isValid: true
      readonly report: Report
      /** Paths of fields that were left out, cut or cleaned, without ids and indexes; one entry each time. */
      readonly ignored: readonly string[]
    }
  | { readonly isValid: false; readonly rejection: Rejection }

/**
 * Reads one item of a request. Never throws, whatever the item is.
 * @param nowMs our clock, epoch milliseconds: what a time from outside is held against
 */
export type ParseReport = (item: unknown, nowMs: number) => ParseResult

export type ParseOptions = {
  /** Whether a report with `execId` must give a status or progress (default). Fetched messages may carry only lines or metadata. */
  readonly isNewsRequired?: boolean
}

/** Makes the reader of reports for these limits. It compiles schemas: make it once. */
export function reportParser(limits: ReportLimits = defaultReportLimits, options: ParseOptions = {}): ParseReport {
  const isNewsRequired = options.isNewsRequired ?? true
  const readWithEngine = withEngine(limits)
  const readBare = bare(limits)
  return (item, nowMs) => {
    if (!isObject(item)) return refused({ code: 'REPORT_INVALID', path: '', message: 'must be an object' })
    const notes = new Notes(nowMs)
    const report = (isBare(item) ? readBare : readWithEngine)(item, notes)
    if (isNewsRequired) requireNews(item, notes)
    if (notes.rejection !== undefined) return refused(notes.rejection)
    return { isValid: true, report, ignored: notes.ignored }
  }
}

function refused(rejection: Rejection): ParseResult {
  return { isValid: false, rejection }
}

/** A message of Linkis itself: `extraInfoMap.engineInstance` and no `engine`. */
function isBare(item: JsonObject): boolean {
  if (!isAbsent(item['engine'])) return false
  const extra = item['extraInfoMap']
  return isObject(extra) && !isAbsent(extra['engineInstance'])
}

/** Judged as sent: an unusable `progress` still says that the task is there. */
function requireNews(item: JsonObject, notes: Notes): void {
  if (isAbsent(item['execId']) || !isAbsent(item['status']) || !isAbsent(item['progress'])) return
  notes.reject('REPORT_INVALID', 'status', 'a report with execId needs status or progress')
}

/** What comes back counts only when `notes` holds no rejection. */
type ReadReport = (item: JsonObject, notes: Notes) => Report

function withEngine(limits: ReportLimits): ReadReport {
  const isIdentified = identityCheckOf(limits, 'engine')
  const engine = { from: 'engine', to: 'engine', read: engineOf(limits) } as const
  const readInto = fieldsInto<Draft>('', [...taskFields(limits, false), engine], limits, ['extraInfoMap'])
  const readAttributes = attributesOf(limits)
  return (item, notes) => {
    const draft = newDraft()
    if (!isIdentified(item, notes)) return draft
    readInto(item, draft, notes)
    readAlias(draft, item, readAttributes, notes)
    deriveJobId(draft, notes, limits)
    return draft
  }
}

function bare(limits: ReportLimits): ReadReport {
  const isIdentified = identityCheckOf(limits, 'bare')
  const readInto = fieldsInto<Draft>('', taskFields(limits, true), limits, ['extraInfoMap', 'engine'])
  const readEngine = bareEngineOf(limits)
  const readAttributes = attributesOf(limits)
  return (item, notes) => {
    const draft = newDraft()
    if (!isIdentified(item, notes)) return draft
    readInto(item, draft, notes)
    const extra = item['extraInfoMap'] as JsonObject
    draft.engine = readEngine(extra, 'extraInfoMap', notes) ?? noEngine
    const { engineInstance: _, ticketId: __, yarnqueueName, ...others } = extra
    const facts = isAbsent(yarnqueueName) ? others : { ...others, queue: yarnqueueName }
    draft.attributes = { ...readAttributes(facts, 'extraInfoMap', notes), ...draft.attributes }
    deriveJobId(draft, notes, limits)
    return draft
  }
}

/** Replaced by the engine's facts before anyone sees it. */
const noEngine: EngineFacts = Object.freeze({ instance: '' })

function newDraft(): Draft {
  return { namespace: 'default', jobId: '', isJobIdDerived: false, attempt: 1, scope: 'task', engine: noEngine }
}

/** `extraInfoMap` is another name for `attributes`; beside them it is not read. */
function readAlias(draft: Draft, item: JsonObject, read: Read<Record<string, string>>, notes: Notes): void {
  const alias = item['extraInfoMap']
  if (isAbsent(alias)) return
  const attributes = isAbsent(item['attributes']) ? read(alias, 'extraInfoMap', notes) : undefined
  if (attributes !== undefined) draft.attributes = attributes
  else notes.ignore('extraInfoMap')
}

function deriveJobId(draft: Draft, notes: Notes, limits: ReportLimits): void {
  if (draft.jobId !== '' || draft.execId === undefined) return
  draft.jobId = `${draft.engine.instance}/${draft.execId}`
  draft.isJobIdDerived = true
  if (draft.jobId.length > limits.idLengthMax) {
    notes.reject(
      'REPORT_INVALID',
      'jobId',
      `is missing, and <engine.instance>/<execId> is longer than ${limits.idLengthMax} characters`,
    )
  }
}
