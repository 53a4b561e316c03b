import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import type { DMData } from '../model/data.ts'
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts'

/** How one run ended. */
export type RunEnd = { readonly ok: true; readonly output: unknown } | RunFailure

export type RunFailure = {
  readonly ok: false
  readonly code: string
  readonly message: string
  /** Another try, at another agent, may do. */
  readonly isRetryable: boolean
}

/** What is told of a run while it goes on. */
export type RunListener = {
  readonly log: (level: string, line: string) => void
  readonly warning: (line: string) => void
  readonly progress: (ratio: number) => void
}

const mebibyte = 1024 * 1024
const youngShare = 8
const loadWithinMs = 30_000

/** A thread with the module loaded. It runs one event after another, and is thrown away after one that did not end by itself. */
export class RunThread {
  readonly #worker: Worker
  readonly #loaded: Promise<unknown>
  #listener: RunListener | undefined
  #end: ((end: RunEnd) => void) | undefined
  #isGone = false

  constructor(moduleUrl: string, memoryBytesMax: number) {
    const megabytes = Math.max(8, Math.ceil(memoryBytesMax / mebibyte))
    this.#worker = new Worker(new URL('./algorithm-thread.js', import.meta.url), {
      workerData: { moduleUrl } satisfies ThreadData,
      resourceLimits: { maxOldGenerationSizeMb: megabytes, maxYoungGenerationSizeMb: Math.max(2, megabytes / youngShare) },
      // The module's console is the log of the run.
      stdout: true,
      stderr: true,
    })
    this.#copyLines(this.#worker.stdout, 'INFO')
    this.#copyLines(this.#worker.stderr, 'ERROR')
    this.#loaded = this.#load()
    this.#loaded.catch(() => undefined)
  }

  /** Whether it can take a further run. */
  get isUsable(): boolean {
    return !this.#isGone
  }

  /** The exported `algorithm`, or null. @throws Error with what is wrong with the module */
  loaded(): Promise<unknown> {
    return this.#loaded
  }

  /** Runs one event to its end, whichever it is; never rejects. */
  async run(input: Readonly<Record<string, DMData>>, model: DMData, listener: RunListener): Promise<RunEnd> {
    try {
      await this.#loaded
    } catch (error) {
      return {
        ok: false,
        code: 'MODULE_UNUSABLE',
        message: String(error instanceof Error ? error.message : error),
        isRetryable: true,
      }
    }
    this.#listener = listener
    return new Promise<RunEnd>((resolve) => {
      this.#end = (end) => {
        this.#listener = undefined
        this.#end = undefined
        resolve(end)
      }
      if (this.#isGone) this.#end(crash('the thread is gone'))
      else this.#send({ kind: 'run', input, model })
    })
  }

  /** Asks the run to stop. */
  abort(reason: string): void {
    if (!this.#isGone) this.#send({ kind: 'abort', reason })
  }

  /** Ends the thread, whatever it does. @param end how the run that it has ends */
  async terminate(end?: RunEnd): Promise<void> {
    this.#isGone = true
    if (end !== undefined) this.#end?.(end)
    await this.#worker.terminate()
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #load(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the module was not loaded within ${loadWithinMs / 1_000} s`))
        void this.terminate()
      }, loadWithinMs)
      this.#worker.on('message', (message: FromThread) => {
        if (message.kind === 'loaded') resolve(message.algorithm)
        else if (message.kind === 'unusable') reject(new Error(message.message))
        else this.#hear(message)
        if (message.kind === 'loaded' || message.kind === 'unusable') clearTimeout(timer)
      })
      const gone = (end: RunFailure) => {
        clearTimeout(timer)
        this.#isGone = true
        reject(new Error(end.message))
        this.#end?.(end)
      }
      this.#worker.on('error', (error: unknown) => gone(endOf(error)))
      this.#worker.on('messageerror', (error) => gone(endOf(error)))
      this.#worker.on('exit', (code) => gone(crash(`the run ended its thread with code ${code}`)))
    })
  }

  #hear(message: FromThread): void {
    if (message.kind === 'log') this.#listener?.log(message.level, message.line)
    else if (message.kind === 'warning') this.#listener?.warning(message.line)
    else if (message.kind === 'progress') this.#listener?.progress(message.ratio)
    else if (message.kind === 'done') this.#end?.({ ok: true, output: message.output })
    else if (message.kind === 'failed') this.#end?.({ ...message, ok: false })
  }

  #copyLines(stream: Readable, level: string): void {
    createInterface({ input: stream }).on('line', (line) => this.#listener?.log(level, line))
  }
}

/** A crash may be the machine's doing: another try, at another agent, is worth it. */
function crash(message: string): RunFailure {
  return { ok: false, code: 'RUN_CRASHED', message, isRetryable: true }
}

function endOf(error: unknown): RunFailure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  // The same data would fill another agent's memory as well.
  if (code === 'ERR_WORKER_OUT_OF_MEMORY')
    return { ok: false, code: 'MEMORY_LIMIT', message: 'the run took more memory than it may', isRetryable: false }
  return crash(`the run crashed: ${typeof message === 'string' ? message : String(error)}`)
}
