import { isMainThread } from 'node:worker_threads'

/** What a reporter does when its process is about to end. Both are bounded in time. */
export type ExitTarget = {
  /** @param endsProcess nobody else handles the signal: the process ends by it afterwards. */
  readonly atSignal: (signal: NodeJS.Signals, endsProcess: boolean) => Promise<unknown>
  readonly atExit: () => Promise<unknown>
}

const signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']
/** All reporters of the process share one handler a signal: two of them must not take each other for the engine's own. */
const targets = new Set<ExitTarget>()
const underway = new Set<NodeJS.Signals>()

/** Flushes the reporter at SIGTERM, SIGINT and at the natural end of the process. @returns how to stop that. */
export function watchExit(target: ExitTarget): () => void {
  if (targets.size === 0) listen()
  targets.add(target)
  return () => {
    targets.delete(target)
    if (targets.size === 0) unlisten()
  }
}

function listen(): void {
  process.on('beforeExit', onBeforeExit)
  if (!isMainThread) return
  for (const signal of signals) process.on(signal, onSignal)
}

function unlisten(): void {
  process.off('beforeExit', onBeforeExit)
  for (const signal of signals) process.off(signal, onSignal)
}

function onBeforeExit(): void {
  for (const target of targets) void target.atExit()
}

function onSignal(signal: NodeJS.Signals): void {
  const isOurs = process.listenerCount(signal) === 1
  if (underway.has(signal)) {
    if (isOurs) raise(signal)
    return
  }
  underway.add(signal)
  // The first process of a container is not ended by a signal it has no handler for.
  const endsProcess = isOurs && process.pid !== 1
  void Promise.allSettled([...targets].map((target) => target.atSignal(signal, endsProcess))).then(() => {
    underway.delete(signal)
    if (isOurs) raise(signal)
  })
}

/** Lets the signal do what it would have done without us. */
function raise(signal: NodeJS.Signals): void {
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}
