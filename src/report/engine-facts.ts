/** Who reports: the `engine` of a report, or what Linkis writes into `extraInfoMap`. */
import { asChecked, isAbsent, type JsonObject, label, type Parts, partsOf, quantity, type Read } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import type { EngineFacts, EngineStateSeconds } from './report.ts'
import { incarnationTimeMs } from './time.ts'

type EngineDraft = { -readonly [K in keyof EngineFacts]: EngineFacts[K] }

/** `engine`; the compiled check has passed its instance and incarnation. */
export function engineOf(limits: ReportLimits): Read<EngineFacts> {
  const text = label(limits)
  const parts: Parts<EngineFacts> = {
    instance: asChecked,
    engineType: text,
    engineVersion: text,
    incarnation: incarnationOf(limits),
    ticketId: text,
    ecmInstance: text,
    node: text,
    user: text,
    creator: text,
    status: text,
    stateSeconds: stateSecondsOf(limits),
  }
  return partsOf('engine', parts, limits) as Read<EngineFacts>
}

function incarnationOf(limits: ReportLimits): Read<string> {
  return (value, path, notes) => {
    const incarnation = String(value)
    if (isAhead(incarnation, notes, limits)) {
      notes.reject('REPORT_INVALID', path, 'lies too far ahead of the clock of the aggregator')
    }
    return incarnation
  }
}

/** A start that lies in the future would make every later, honest incarnation an old one. */
function isAhead(incarnation: string, notes: Notes, limits: ReportLimits): boolean {
  return (incarnationTimeMs(incarnation) ?? 0) > notes.nowMs + limits.incarnationAheadMsMax
}

function stateSecondsOf(limits: ReportLimits): Read<EngineStateSeconds> {
  const parts: Parts<EngineStateSeconds> = { idle: quantity, busy: quantity, locked: quantity, unlocked: quantity }
  return partsOf('engine.stateSeconds', parts, limits)
}

/**
 * Facts out of the `extraInfoMap` of a bare message. The ticket names the start of an engine,
 * but Linkis writes the address in its place for an engine that is used again.
 */
export function bareEngineOf(limits: ReportLimits): Read<EngineFacts> {
  const text = label(limits)
  return (value, path, notes) => {
    const { engineInstance, ticketId } = value as JsonObject
    const instance = engineInstance as string
    const engine: EngineDraft = { instance }
    const colon = instance.lastIndexOf(':')
    if (colon > 0) engine.node = instance.slice(0, colon)
    const ticket = isAbsent(ticketId) ? undefined : text(ticketId, `${path}.ticketId`, notes)
    if (ticket !== undefined) engine.ticketId = ticket
    if (ticket !== undefined && ticket !== instance && !isAhead(ticket, notes, limits)) engine.incarnation = ticket
    return engine
  }
}
