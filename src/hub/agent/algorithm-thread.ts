/** The thread in which a user's module runs. What goes wrong here ends the thread, never the agent. */
import { parentPort, workerData } from 'node:worker_threads'
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts'

type Run = (context: Readonly<Record<string, unknown>>) => unknown

if (parentPort === null) throw new Error('this is no program: the agent starts it as a thread')
const port = parentPort
const { moduleUrl } = workerData as ThreadData
const say = (message: FromThread) => port.postMessage(message)

const levels = new Set(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'])

/** `log('read 10 rows')`, or with a level in front: `log('WARN', 'late')`. */
function log(first: unknown, second?: unknown): void {
  const level = String(first).toUpperCase()
  const hasLevel = second !== undefined && levels.has(level)
  say({ kind: 'log', level: hasLevel ? level : 'INFO', line: String(hasLevel ? second : first) })
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
      warn: (line: unknown) => say({ kind: 'warning', line: String(line) }),
      progress: (ratio: unknown) => {
        if (typeof ratio === 'number' && ratio >= 0 && ratio <= 1) say({ kind: 'progress', ratio })
      },
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
    void runOnce(run, message, abort.signal)
  }
})
