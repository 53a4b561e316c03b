import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const outputBytesMax = 4 * 1024 * 1024

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type ProgramOptions = {
  /** Added to the test's own environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** The program counts as started when a line of its output matches; without it, at once. */
  readonly readyLine?: RegExp
  /** Default 20,000. */
  readonly readyTimeoutMs?: number
  /** Written to standard input, which is then closed. Without it there is none. */
  readonly stdin?: string
}

/** A child process and what it has said. */
export type Program = {
  readonly pid: number
  /** What came so far, newest 4 MiB. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<Exit>
  /** The first line, already printed or still to come, that matches. @throws at the time-out or exit, with the output */
  readonly waitForLine: (pattern: RegExp, timeoutMs?: number) => Promise<string>
  /** Sends the signal and returns at once. */
  readonly kill: (signal: NodeJS.Signals) => void
  /** SIGTERM, after `graceMs` (default 10,000) SIGKILL. Harmless when it has left already. */
  readonly stop: (graceMs?: number) => Promise<Exit>
}

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  // A test that failed half-way must not leave servers behind.
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts a program. @throws when it cannot be started, leaves, or stays silent before its ready line */
export async function startProgram(command: string, args: readonly string[], options: ProgramOptions = {}): Promise<Program> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: environment(options.env),
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const program = programOf(child, `${command} ${args.join(' ')}`)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.stdin?.end(options.stdin)
  if (options.readyLine === undefined) return program
  try {
    await program.waitForLine(options.readyLine, options.readyTimeoutMs ?? 20_000)
  } catch (error) {
    await program.stop(0)
    throw error
  }
  return program
}

/** Starts the built program as a user does. @param args e.g. `['serve']` */
export function startEnginescope(args: readonly string[], options: ProgramOptions = {}): Promise<Program> {
  return startProgram(process.execPath, ['bin/enginescope.js', ...args], options)
}

function environment(changes: ProgramOptions['env'] = {}): NodeJS.ProcessEnv {
  const merged = Object.entries({ ...process.env, ...changes })
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined))
}

function programOf(child: ChildProcess, name: string): Program {
  const output = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  let left: Exit | undefined
  const notify = () => {
    for (const watcher of watchers) watcher()
  }
  for (const from of ['stdout', 'stderr'] as const) {
    child[from]?.setEncoding('utf8').on('data', (text: string) => {
      output[from] = (output[from] + text).slice(-outputBytesMax)
      notify()
    })
  }
  alive.add(child)
  const exited = new Promise<Exit>((resolve) => {
    // `close` comes after the last output, but not when the program could not be started.
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      alive.delete(child)
      left = { code, signal }
      notify()
      resolve(left)
    }
    child.once('close', end)
    child.once('error', () => end(null, null))
  })

  const waitForLine = (pattern: RegExp, timeoutMs = 20_000) =>
    new Promise<string>((resolve, reject) => {
      const settle = (done: () => void) => {
        clearTimeout(timer)
        watchers.delete(look)
        done()
      }
      const refuse = (why: string) =>
        settle(() => reject(new Error(`${name}: ${why} before ${pattern}\n${output.stdout}${output.stderr}`)))
      const look = () => {
        const line = `${output.stdout}\n${output.stderr}`.split('\n').find((text) => pattern.test(text))
        if (line !== undefined) settle(() => resolve(line))
        else if (left !== undefined) refuse(`left with ${left.signal ?? left.code}`)
      }
      const timer = setTimeout(() => refuse(`${timeoutMs} ms went by`), timeoutMs)
      watchers.add(look)
      look()
    })

  const stop = async (graceMs = 10_000) => {
    if (left !== undefined) return left
    // A stopped process takes no SIGTERM until it is continued.
    child.kill('SIGCONT')
    child.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    const exit = await exited
    clearTimeout(timer)
    return exit
  }

  return {
    pid: child.pid ?? -1,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exited,
    waitForLine,
    kill: (signal) => void child.kill(signal),
    stop,
  }
}
