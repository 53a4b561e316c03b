import type { NodeEvent } from '../model/event.ts'
import { type RunEnd, type RunFailure, type RunListener, RunThread } from './run-thread.ts'
import type { AgentLimits } from './settings.ts'

/** A run that goes on. */
export type RunningEvent = { readonly end: Promise<RunEnd>; readonly stop: (end: RunFailure) => void }

/** Threads for as many runs as there may be. One that ended a run in good order takes the next. */
export class RunPool {
  readonly #moduleUrl: string
  readonly #limits: AgentLimits
  #idle: RunThread[] = []
  readonly #all = new Set<RunThread>()

  constructor(moduleUrl: string, limits: AgentLimits) {
    this.#moduleUrl = moduleUrl
    this.#limits = limits
  }

  /** Loads the module for the first time. @returns its `algorithm`, or null @throws Error with what is wrong with it */
  async load(): Promise<unknown> {
    const thread = this.#make()
    const algorithm = await thread.loaded()
    this.#idle.push(thread)
    return algorithm
  }

  /** Begins a run. Past its time it is asked to stop, then stopped. */
  start({ input, model, deadline }: NodeEvent, listener: RunListener): RunningEvent {
    const { runMsMax, abortGraceMs } = this.#limits
    const thread = this.#take()
    let forced: NodeJS.Timeout | undefined
    let told: RunFailure | undefined
    const stop = (end: RunFailure) => {
      if (told !== undefined) return
      told = end
      thread.abort(end.message)
      forced = setTimeout(() => void thread.terminate(end), abortGraceMs)
    }
    const leftMs = Math.max(0, Math.min(runMsMax, deadline - Date.now()))
    const timer = setTimeout(() => stop(timedOut(leftMs)), leftMs)
    const end = thread.run(input, model, listener).then((ended) => {
      clearTimeout(timer)
      clearTimeout(forced)
      // What was told to stop may have left something behind that still runs.
      if (told === undefined && thread.isUsable) this.#idle.push(thread)
      else void this.#drop(thread)
      return told !== undefined && !ended.ok && ended.code === 'AbortError' ? told : ended
    })
    return { end, stop }
  }

  async close(): Promise<void> {
    this.#idle = []
    await Promise.all([...this.#all].map((thread) => this.#drop(thread)))
  }

  #take(): RunThread {
    for (;;) {
      const thread = this.#idle.pop()
      if (thread === undefined) return this.#make()
      if (thread.isUsable) return thread
      this.#all.delete(thread)
    }
  }

  #make(): RunThread {
    const thread = new RunThread(this.#moduleUrl, this.#limits.memoryBytesMax)
    this.#all.add(thread)
    return thread
  }

  #drop(thread: RunThread): Promise<void> {
    this.#all.delete(thread)
    return thread.terminate()
  }
}

function timedOut(afterMs: number): RunFailure {
  return { ok: false, code: 'NODE_TIMEOUT', message: `the run was not done within ${afterMs} ms`, isRetryable: true }
}
