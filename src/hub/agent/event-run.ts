/** One event at an agent: its run, what it says meanwhile, and its result. */
import { ScopeError } from '../../errors.ts'
import type { Reporter, Task } from '../../reporter/index.ts'
import { type DMData, readData } from '../model/data.ts'
import type { NodeEvent, NodeLog, NodeResult } from '../model/event.ts'
import { Part } from '../model/part.ts'
import { BoundedList, resultLines, resultWarnings } from '../model/words.ts'
import type { RunOutcome } from './agent-series.ts'
import type { RunEnd, RunFailure, RunListener } from './run-thread.ts'

const lineLengthMax = 8_192
const messageMax = 8_000

/** What a run has said so far, for its result; beyond the limits what is newer is left out, and counted. */
export class RunWords {
  readonly #lines = new BoundedList<NodeLog>(resultLines)
  readonly #warnings = new BoundedList<string>(resultWarnings)

  log(level: string, line: string): void {
    const short = line.slice(0, lineLengthMax)
    this.#lines.add({ ts: Date.now(), level, line: short }, short)
  }

  warn(line: string): void {
    const short = line.slice(0, messageMax)
    this.#warnings.add(short, short)
  }

  get logs(): NodeLog[] {
    const { kept, leftOut } = this.#lines
    const line = `${leftOut} further lines are left out here; they were reported all the same`
    return leftOut === 0 ? kept : [...kept, { ts: Date.now(), level: 'WARN', line }]
  }

  get warnings(): string[] {
    const { kept, leftOut } = this.#warnings
    return leftOut === 0 ? kept : [...kept, `${leftOut} further warnings are left out`]
  }
}

/** Reports the run of a node as a task of the agent. */
export function reportRun(reporter: Reporter, event: NodeEvent): Task {
  const execId = `${event.processKey}/${event.node}`
  const task = reporter.task({ jobId: event.processKey, execId, taskType: 'hub_node', attempt: event.attempt })
  task.update({ progress: 0, attributes: { node: event.node, algorithm: event.algKey } })
  return task
}

/** What a run says goes to its result and to its task. */
export function listenerOf(words: RunWords, task: Task): RunListener {
  return {
    log: (level, line) => {
      words.log(level, line)
      task.log(level as 'INFO', line)
    },
    warning: (line) => {
      words.warn(line)
      task.log('WARN', line)
    },
    progress: (ratio) => task.update({ progress: ratio }),
  }
}

/** An output as it may be sent: a table, within its size. */
export function judged(end: RunEnd, outputBytesMax: number): { ok: true; output: DMData } | RunFailure {
  if (!end.ok) return { ...end, code: end.code.slice(0, 200), message: end.message.slice(0, messageMax) }
  try {
    const output = readData(new Part(end.output, 'output', 'REQUEST_INVALID'))
    const bytes = Buffer.byteLength(JSON.stringify(output))
    if (bytes <= outputBytesMax) return { ok: true, output }
    return invalid(`the output has ${bytes} bytes, more than ${outputBytesMax}`)
  } catch (error) {
    if (error instanceof ScopeError) return invalid(`${error.path ?? 'output'} ${error.message}`)
    throw error
  }
}

function invalid(message: string): RunFailure {
  return { ok: false, code: 'RESULT_INVALID', message, isRetryable: false }
}

/** The result but for its fence, which a take-over may raise until it is sent. */
export function resultOf(
  event: NodeEvent,
  agent: string,
  end: ReturnType<typeof judged>,
  words: RunWords,
  durationMs: number,
): Omit<NodeResult, 'fence'> {
  const { warnings, logs } = words
  const base = { eventId: event.eventId, agent, warnings, logs, durationMs }
  if (end.ok) return { ...base, ok: true, output: end.output } as Omit<NodeResult, 'fence'>
  const error = { code: end.code, message: end.message }
  return { ...base, ok: false, error, retryable: end.isRetryable } as Omit<NodeResult, 'fence'>
}

/** Which of the ways to end it was. */
export function outcomeOf(end: ReturnType<typeof judged>): RunOutcome {
  if (end.ok) return 'succeeded'
  return end.code === 'CANCELLED' ? 'cancelled' : end.code === 'NODE_TIMEOUT' ? 'timed_out' : 'failed'
}

/** Ends the task as the run ended. */
export function endTask(task: Task, end: ReturnType<typeof judged>): void {
  if (end.ok) void task.finish('succeeded', { progress: 1 })
  else if (end.code === 'CANCELLED') void task.cancel(end.message)
  else if (end.code === 'NODE_TIMEOUT') void task.finish('timed_out', { error: { code: end.code, message: end.message } })
  else void task.fail({ code: end.code, message: end.message })
}
