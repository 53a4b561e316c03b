import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { RuntimeOptions } from '../../src/reporter/index.ts'

type Said =
  | { readonly said: 'ready'; readonly url: string | null; readonly epoch: string; readonly topics: readonly string[] }
  | { readonly said: 'published'; readonly ids: readonly (string | null)[] }
  | { readonly said: 'kill' | 'shutdown' }
  | { readonly said: 'problem'; readonly problem: { code: string; message: string } }

/** What a runtime process is started with. Everything must be JSON. */
type RuntimeProcessOptions = Pick<RuntimeOptions, 'runtimeId' | 'topics' | 'token' | 'listen' | 'epochFile' | 'settings'>

/** An honest runtime in a process of its own: it can be stopped, continued and killed like any other. */
export type RuntimeProcess = {
  readonly pid: number
  readonly url: string
  readonly epoch: string
  /** As a registration names them. */
  readonly topics: readonly string[]
  /** Publishes messages in order. @param key all of them go to one partition @returns their ids; null where one was refused */
  readonly publish: (
    messages: readonly (readonly [topic: string, message: unknown])[],
    key?: string,
  ) => Promise<readonly (string | null)[]>
  /** How often `POST /v1/runtime/kill` and `/shutdown` came. */
  readonly asked: { kill: number; shutdown: number }
  readonly signal: (signal: NodeJS.Signals) => void
  /** Ends it with SIGKILL and waits until it is gone. */
  readonly kill: () => Promise<void>
}

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts a runtime process. Needs the build. @throws when it leaves before it listens */
export async function startRuntimeProcess(options: RuntimeProcessOptions): Promise<RuntimeProcess> {
  const child = fork(fileURLToPath(new URL('runtime-child.mjs', import.meta.url)), [JSON.stringify(options)])
  alive.add(child)
  const asked = { kill: 0, shutdown: 0 }
  const waiting: ((ids: readonly (string | null)[]) => void)[] = []
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void gone.then(() => alive.delete(child))
  const ready = new Promise<Said & { said: 'ready' }>((resolve, reject) => {
    child.on('message', (message: Said) => {
      if (message.said === 'ready') resolve(message)
      else if (message.said === 'published') waiting.shift()?.(message.ids)
      else if (message.said !== 'problem') asked[message.said]++
    })
    void gone.then(() => reject(new Error('the runtime process left before it listened')))
  })
  const { url, epoch, topics } = await ready
  return {
    pid: child.pid ?? -1,
    url: url ?? '',
    epoch,
    topics,
    publish: (publish, key) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve)
        child.send({ publish, key }, (error) => error && reject(error))
      }),
    asked,
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}
