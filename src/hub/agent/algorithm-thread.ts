/** The thread in which a user's module runs. What goes wrong here ends the thread, never the agent. */
import { parentPort, workerData } from 'node:worker_threads'
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts'

type Run = (context: Readonly<Record<string, unknown>>) => unknown

if (parentPort === null) throw new Error('this is no program: the agent starts it as a thread')
const port = parentPort
const { moduleUrl } = workerData as ThreadData
const say = (message: FromThread) => port.postMessage(message)

/** What one run may say. A loop that says something each time must not fill the agent's memory, which does not hear it until later. */
const linesMax = 10_000
const warningsMax = 10_000
const lineLengthMax = 65_536
const progressEveryMs = 50

const said = { lines: 0, warnings: 0, progressMs: Number.NEGATIVE_INFINITY }

const levels = new Set(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'])

/** `log('read 10 rows')`, or with a level in front: `log('WARN', 'late')`. */
function log(first: unknown, second?: unknown): void {
  said.lines++
  if (said.lines > linesMax) return
  const level = String(first).toUpperCase()
  const hasLevel = second !== undefined && levels.has(level)
  const line = String(hasLevel ? second : first).slice(0, lineLengthMax)
  say({ kind: 'log', level: hasLevel ? level : 'INFO', line })
  if (said.lines === linesMax)
    say({ kind: 'log', level: 'WARN', line: `a run says ${linesMax} lines; further ones are left out` })
}

function warn(line: unknown): void {
  said.warnings++
  if (said.warnings === warningsMax)
    say({ kind: 'warning', line: `a run gives ${warningsMax} warnings; further ones are left out` })
  else if (said.warnings < warningsMax) say({ kind: 'warning', line: String(line).slice(0, lineLengthMax) })
}

function progress(ratio: unknown): void {
  if (typeof ratio !== 'number' || !(ratio >= 0 && ratio <= 1)) return
  const nowMs = performance.now()
  // Also of a loop that says each time that it is done.
  if (nowMs - said.progressMs < progressEveryMs) return
  said.progressMs = nowMs
  say({ kind: 'progress', ratio })
}

async function load(): Promise<Run | undefined> {
  try {
    const found = (await import(moduleUrl)) as Record<string, unknown>
    if (typeof found['run'] !== 'function') throw new TypeError('it exports no function run')
    // Only what can be sent is sent: an algorithm that holds a function would fail to be copied.
    say({ kind: 'loaded', algorithm: JSON.parse(JSON.stringify(found['algorithm'] ?? null)) })
    return found['run'] as Run
  } catch (error) {
    say({ kind: 'unusable', message: textOf(error) })
    return undefined
  }
}

async function runOnce(run: Run, { model, input }: Extract<ToThread, { kind: 'run' }>, signal: AbortSignal): Promise<void> {
  try {
    const output: unknown = await run({
      input,
      model,
      log,
      warn,
      progress,
      signal,
    })
    say({ kind: 'done', output: output ?? {} })
  } catch (error) {
    say(failure(error))
  }
}

function failure(error: unknown): Extract<FromThread, { kind: 'failed' }> {
  const { code, name, retryable } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
  const word = [code, name].find((value) => typeof value === 'string' && value !== '')
  return { kind: 'failed', code: String(word ?? 'FAILED'), message: textOf(error), isRetryable: retryable === true }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

let abort = new AbortController()
const run = await load()
port.on('message', (message: ToThread) => {
  if (message.kind === 'abort') abort.abort(new DOMException(message.reason, 'AbortError'))
  else if (run !== undefined) {
    abort = new AbortController()
    Object.assign(said, { lines: 0, warnings: 0, progressMs: Number.NEGATIVE_INFINITY })
    void runOnce(run, message, abort.signal)
  }
})
