import { Cluster } from 'ioredis'
import type { JobStore } from '../jobs/job-store.ts'
import { kindOf, type Store } from '../jobs/store/commit.ts'
import type { Log } from './log.ts'
import { checkStoreSafety } from './store-safety.ts'

/** Whether the store answers, and may be used as it is set up. */
export type StoreHealth = {
  /** Why the store cannot be used now; undefined when it can. */
  trouble(): string | undefined
  close(): void
}

export type StoreHealthOptions = {
  readonly store: Store
  readonly jobStore: Pick<JobStore, 'readClock'>
  readonly isFsyncWaived: boolean
  readonly log: Log
  readonly onUp: (isUp: boolean) => void
  readonly onDurability: (isDurable: boolean) => void
  /** The store would throw records away: the process must not go on. */
  readonly onRefusal: (reason: string) => void
}

const lookEveryMs = 1_000
const safetyEveryMs = 60_000

/** Writes nothing; the `#!lua` line makes Redis refuse it whenever it refuses writes: full, read-only, disk in trouble. */
const writeProbe = '#!lua\nreturn 1'

/**
 * Looks every second whether the store answers and takes writes (which also keeps the clock true), and at its settings every
 * minute and after each loss.
 */
export async function watchStoreHealth(options: StoreHealthOptions): Promise<StoreHealth> {
  const { store, jobStore, log } = options
  let trouble: string | undefined = 'the store has not been reached yet'
  let checkedAtMs = Number.NEGATIVE_INFINITY
  let said = ''

  const look = async (): Promise<void> => {
    try {
      await jobStore.readClock()
      await probeWrites(store)
      if (performance.now() - checkedAtMs >= safetyEveryMs) {
        await checkSafety(store, options, (text) => {
          if (text !== said && text !== '') log.warn({}, text)
          said = text
        })
        checkedAtMs = performance.now()
      }
      if (trouble !== undefined) log.info({}, 'the store answers')
      options.onUp(true)
      trouble = undefined
    } catch (error) {
      checkedAtMs = Number.NEGATIVE_INFINITY
      const found = troubleOf(error)
      if (trouble !== found) log.error({ error }, `${found}; reports are refused until it does`)
      trouble = found
      options.onUp(false)
    }
  }

  await look()
  let isClosed = false
  let timer: NodeJS.Timeout
  const again = () => {
    timer = setTimeout(() => void look().then(() => isClosed || again()), lookEveryMs).unref()
  }
  again()
  return {
    trouble: () => trouble,
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

async function probeWrites(store: Store): Promise<void> {
  const masters = store instanceof Cluster ? store.nodes('master') : [store]
  await Promise.all(masters.map((master) => master.eval(writeProbe, 0)))
}

const refusals: readonly string[] = ['oom', 'misconf', 'readonly', 'noreplicas']

function troubleOf(error: unknown): string {
  const kind = kindOf(error)
  return refusals.includes(kind) ? `the store takes no writes (${kind})` : 'the store does not answer'
}

async function checkSafety(store: Store, options: StoreHealthOptions, say: (text: string) => void): Promise<void> {
  const safety = await checkStoreSafety(store)
  if (safety.refusal !== undefined) options.onRefusal(safety.refusal)
  options.onDurability(safety.isDurable)
  say(options.isFsyncWaived ? '' : safety.remarks.join('; '))
}
