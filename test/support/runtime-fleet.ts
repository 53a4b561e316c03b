import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What one run has seen and done. */
export type RunLedger = {
  readonly id: string
  /** Lines, and as many reports, numbered from 1. */
  readonly published: number
  readonly shutdowns: number
  readonly kills: number
  /** Since the mark. */
  readonly polls: number
  /** Longest time between two polls since the mark, up to now. */
  readonly gapMsMax: number
  /** Who asked since the mark, one entry a holding; the first had it at the mark. */
  readonly owners: readonly string[]
}

/** Many honest runtimes in one process of their own, each with a port of its own. */
export type RuntimeFleet = {
  readonly runs: readonly { readonly id: string; readonly url: string }[]
  /** `mark`: gaps and owners are counted anew; `publish`: everyone publishes from now on; `end`: nobody does, and all have completed. */
  readonly tell: (order: 'mark' | 'publish' | 'end' | 'ledger') => Promise<readonly RunLedger[]>
  readonly kill: () => Promise<void>
}

type Options = {
  readonly count: number
  /** Between two numbers of one run; each is a line and a report. */
  readonly publishEveryMs: number
  readonly program: Readonly<Record<'application' | 'version' | 'type' | 'program', string>>
}

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts the process. Needs the build. @throws when it leaves before all listen */
export async function startRuntimeFleet(options: Options): Promise<RuntimeFleet> {
  const child = fork(fileURLToPath(new URL('runtime-fleet-child.mjs', import.meta.url)), [JSON.stringify(options)])
  alive.add(child)
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void gone.then(() => alive.delete(child))
  const next = <T>() =>
    new Promise<T>((resolve, reject) => {
      child.once('message', resolve)
      void gone.then(() => reject(new Error('the runtimes are gone')))
    })
  const { runs } = await next<Pick<RuntimeFleet, 'runs'>>()
  return {
    runs,
    tell: async (order) => {
      const answer = next<{ ledger: RunLedger[] }>()
      child.send({ order })
      return (await answer).ledger
    },
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}
