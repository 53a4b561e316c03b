import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { isTerminalForeground } from './process-tree.ts'
import { realPipes } from './real-pipe.ts'

/** How signals reach this process. @returns how to stop listening */
export type SignalSource = (signal: NodeJS.Signals, handler: () => void) => () => void

const passedOnSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT']
const endingSignals: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
const fromTerminal: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT'])

/** A command that was started. */
export type Started = {
  readonly child: ChildProcess
  /** Its output; none where it keeps that of this process. */
  readonly outputs: { readonly stdout: Readable; readonly stderr: Readable } | undefined
}

/**
 * Starts the command with this process's own standard input.
 * @throws where not even a process could be made of it, as with arguments that are too long
 */
export function startCommand(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  capturesOutput: boolean,
): Started {
  const [file = '', ...args] = command
  const start = (output: StdioOptions) => spawn(file, args, { env: { ...env }, stdio: output })
  if (!capturesOutput) return { child: start('inherit'), outputs: undefined }
  const [out, err] = realPipes(2) ?? []
  if (out === undefined || err === undefined) {
    const child = start(['inherit', 'pipe', 'pipe'])
    const { stdout, stderr } = child
    return { child, outputs: stdout && stderr ? { stdout, stderr } : undefined }
  }
  try {
    return { child: start(['inherit', out.sinkFd, err.sinkFd]), outputs: { stdout: out.source, stderr: err.source } }
  } finally {
    out.closeSink()
    err.closeSink()
  }
}

/** Resolves when nobody holds the output of the command any more. */
export async function outputsEnd(outputs: Started['outputs']): Promise<void> {
  if (outputs === undefined) return
  await Promise.all(Object.values(outputs).map((source) => new Promise<void>((resolve) => source.once('close', () => resolve()))))
}

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly startError?: Error }

/** How a child ends, or that it never began. */
export function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.on('error', (startError) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, startError })
    })
  })
}

/** Passes signals on to a child, and ends it when its time is over. */
export class ChildSignals {
  readonly #child: ChildProcess
  readonly #stops: (() => void)[]
  readonly #killAfterMs: number
  #timer: NodeJS.Timeout | undefined
  /** The signal, of those that end a process, that came first. */
  passedOn: NodeJS.Signals | undefined
  hasTimedOut = false

  constructor(child: ChildProcess, listen: SignalSource, killAfterMs: number) {
    this.#child = child
    this.#killAfterMs = killAfterMs
    this.#stops = passedOnSignals.map((signal) => listen(signal, () => this.#passOn(signal)))
  }

  /** Ends the child after a while: SIGTERM, then SIGKILL. */
  limit(timeoutMs: number): void {
    this.#timer = setTimeout(() => {
      this.hasTimedOut = true
      this.#child.kill('SIGTERM')
      this.#timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#killAfterMs)
    }, timeoutMs)
  }

  /** The child has ended; later signals are no longer its own. */
  endLimit(): void {
    clearTimeout(this.#timer)
  }

  stop(): void {
    this.endLimit()
    for (const stop of this.#stops) stop()
  }

  #passOn(signal: NodeJS.Signals): void {
    if (endingSignals.has(signal)) this.passedOn ??= signal
    // The terminal has sent it to the command already, which would take a second one for impatience.
    if (fromTerminal.has(signal) && isTerminalForeground()) return
    this.#child.kill(signal)
  }
}
