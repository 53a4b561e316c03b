import type { JobStore } from '../jobs/job-store.ts'
import type { Store } from '../jobs/store/commit.ts'
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

/** Looks at the store every second (which also keeps the clock true) and at its settings every minute and after each loss. */
export async function watchStoreHealth(options: StoreHealthOptions): Promise<StoreHealth> {
  const { store, jobStore, log } = options
  let trouble: string | undefined = 'the store has not been reached yet'
  let checkedAtMs = Number.NEGATIVE_INFINITY
  let said = ''

  const look = async (): Promise<void> => {
    try {
      await jobStore.readClock()
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
      if (trouble === undefined) log.error({ error }, 'the store does not answer; reports are refused until it does')
      trouble = 'the store does not answer'
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

async function checkSafety(store: Store, options: StoreHealthOptions, say: (text: string) => void): Promise<void> {
  const safety = await checkStoreSafety(store)
  if (safety.refusal !== undefined) options.onRefusal(safety.refusal)
  options.onDurability(safety.isDurable)
  say(options.isFsyncWaived ? '' : safety.remarks.join('; '))
}
