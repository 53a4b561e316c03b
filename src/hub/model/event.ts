import { type DMData, readData } from './data.ts'
import { Part } from './part.ts'

/** Where a dispatcher takes results, under its registered address. */
export const resultsPath = '/dispatcher/results'

/** What a dispatcher sends to an agent: one node to run. */
export type NodeEvent = {
  /** `<processKey>/<node>/<attempt>`: the same event sent again has the same id, and a higher fence after a take-over. */
  readonly eventId: string
  readonly processKey: string
  readonly node: string
  readonly attempt: number
  /** Whoever has the highest one has the process. */
  readonly fence: number
  readonly algKey: string
  readonly model: DMData
  /** By node, or `$input`. */
  readonly input: Readonly<Record<string, DMData>>
  /** Where the result goes: an address of a live dispatcher. */
  readonly replyTo: string
  /** Epoch milliseconds after which nobody waits for the result. */
  readonly deadline: number
}

export type NodeError = { readonly code: string; readonly message: string }

/** A line that the run of a node said; `ts` in epoch milliseconds. */
export type NodeLog = { readonly ts: number; readonly level: string; readonly line: string }

/** What an agent answers once a node has run: it was done, or it was not. */
export type NodeResult = {
  readonly eventId: string
  readonly fence: number
  /** The agent's id in the registry. */
  readonly agent: string
  readonly warnings: readonly string[]
  readonly logs: readonly NodeLog[]
  readonly durationMs: number
} & (
  | { readonly ok: true; readonly output: DMData }
  | { readonly ok: false; readonly error: NodeError; readonly retryable: boolean }
)

const eventIdMax = 420
const inputsMax = 1_001
const linesMax = 1_000
const lineLengthMax = 65_536
const warningsMax = 100
const codeMax = 200
const messageMax = 8_192
const urlMax = 2_048

/** Checks an event as an agent takes it. @throws ScopeError REQUEST_INVALID */
export function readEvent(value: unknown): NodeEvent {
  const part = new Part(value, '', 'REQUEST_INVALID')
  const model = part.field('model')
  return {
    eventId: part.field('eventId').id('an event id', eventIdMax),
    processKey: part.field('processKey').id('a process key'),
    node: part.field('node').id('a node id'),
    attempt: part.field('attempt').whole(1),
    fence: part.field('fence').whole(1),
    algKey: part.field('algKey').id('an algorithm key'),
    model: model.isAbsent ? {} : readData(model),
    input: Object.fromEntries(
      part
        .field('input')
        .entries(inputsMax)
        .map(([name, data]) => [name, readData(data)]),
    ),
    replyTo: part.field('replyTo').text(urlMax),
    deadline: part.field('deadline').whole(0),
  }
}

/** Who a result says that it is for, read before anything else of it. */
export type ResultAddress = Pick<NodeResult, 'eventId' | 'fence' | 'agent'>

/** @throws ScopeError REQUEST_INVALID @public */
export function readResultAddress(value: unknown): ResultAddress {
  const part = new Part(value, '', 'REQUEST_INVALID')
  return {
    eventId: part.field('eventId').id('an event id', eventIdMax),
    fence: part.field('fence').whole(1),
    agent: part.field('agent').id('the id of an agent'),
  }
}

/** Checks a result as a dispatcher takes it. @throws ScopeError REQUEST_INVALID */
export function readResult(value: unknown): NodeResult {
  const part = new Part(value, '', 'REQUEST_INVALID')
  const base = {
    ...readResultAddress(value),
    warnings: listOf(part.field('warnings'), warningsMax).map((warning) => warning.text(messageMax)),
    logs: listOf(part.field('logs'), linesMax).map(readLine),
    durationMs: part.field('durationMs').isAbsent ? 0 : readMs(part.field('durationMs')),
  }
  const ok = part.field('ok')
  if (ok.value === true) return { ...base, ok: true, output: readData(part.field('output')) }
  if (ok.value !== false) return ok.refuse('must be true or false')
  const error = part.field('error')
  return {
    ...base,
    ok: false,
    error: { code: error.field('code').textOr('FAILED', codeMax), message: error.field('message').textOr('', messageMax) },
    retryable: part.field('retryable').flag(false),
  }
}

function listOf(part: Part, itemsMax: number): Part[] {
  return part.isAbsent ? [] : part.items(itemsMax)
}

function readMs(part: Part): number {
  const { value } = part
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : part.refuse('must be milliseconds')
}

function readLine(part: Part): NodeLog {
  return {
    ts: readMs(part.field('ts')),
    level: part.field('level').textOr('INFO', codeMax),
    line: part.field('line').text(lineLengthMax),
  }
}
