import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { createInterface } from 'node:readline'

export type EngineSpec = {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** From `diesWithParent`. */
  readonly prefix: readonly string[]
  /** Each line that it prints, and a way to send it a signal. */
  readonly onLine?: (line: string, kill: (signal: NodeJS.Signals) => void) => void
  /** Aborted: it gets SIGTERM, after 15 s SIGKILL. */
  readonly signal: AbortSignal
}

/** How an engine ended, and the last lines it printed. */
export type EngineEnd = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly lastLines: readonly string[]
}

const graceMs = 15_000
const lastLinesMax = 10

/** Runs one engine to its end, at low priority: the machine is somebody's. @throws when it cannot be started */
export async function runEngine({ command, env, prefix, onLine, signal }: EngineSpec): Promise<EngineEnd> {
  const [program = '', ...args] = [...prefix, ...command]
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const lastLines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lastLines.push(line)
      if (lastLines.length > lastLinesMax) lastLines.shift()
      onLine?.(line, (name) => child.kill(name))
    })
  }
  const closed = once(child, 'close')
  await once(child, 'spawn')
  setPriority(child.pid ?? 0, constants.priority.PRIORITY_BELOW_NORMAL)
  let force: NodeJS.Timeout | undefined
  const stop = () => {
    child.kill('SIGTERM')
    force = setTimeout(() => child.kill('SIGKILL'), graceMs)
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  const [code, name]: (number | NodeJS.Signals | null)[] = await closed
  clearTimeout(force)
  signal.removeEventListener('abort', stop)
  return { code: typeof code === 'number' ? code : null, signal: typeof name === 'string' ? name : null, lastLines }
}
