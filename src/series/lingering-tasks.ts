import type { TaskRecord } from '../jobs/records.ts'
import { isEnd } from '../report/status.ts'
import type { ScrapeLog } from './scrape-log.ts'
import type { TaskEntry } from './task-entry.ts'

export type LingerLimits = {
  /** As many tasks that have ended may linger. */
  readonly taskSeriesMax: number
  /** How long the series of an ended task stay at most. */
  readonly lingerMs: number
  /** How long the series of a lost task stay after its last report: as long as those of its engine. */
  readonly lostLingerMs: number
}

/** When the task ended, by the store's clock in epoch milliseconds, or was heard of last. */
export function endedAtMs(record: TaskRecord): number {
  return record.endedArrivalAtMs ?? record.lastReportAtMs
}

/** Tasks that are still shown though they have ended or are lost, and when that is over. */
export class LingeringTasks {
  readonly #scrapes: ScrapeLog
  readonly #limits: LingerLimits
  readonly #onOverflow: () => void
  readonly #expire: (entry: TaskEntry) => void
  /** Oldest end first. */
  readonly #ended = new Set<TaskEntry>()
  readonly #lost = new Set<TaskEntry>()

  /** @param onOverflow one had to go before its time @param expire takes the series of a task away, and has it forgotten here */
  constructor(scrapes: ScrapeLog, limits: LingerLimits, onOverflow: () => void, expire: (entry: TaskEntry) => void) {
    this.#scrapes = scrapes
    this.#limits = limits
    this.#onOverflow = onOverflow
    this.#expire = expire
  }

  get endedCount(): number {
    return this.#ended.size
  }

  /** Puts the entry among the ended or the lost, or takes it out of there. */
  file(entry: TaskEntry): void {
    if (entry.still.status === 'lost') this.#lost.add(entry)
    else this.#lost.delete(entry)
    if (!isEnd(entry.still.status)) {
      this.#ended.delete(entry)
      entry.endMark = undefined
      return
    }
    entry.endMark ??= this.#scrapes.mark
    this.#ended.add(entry)
    if (this.#ended.size > this.#limits.taskSeriesMax) this.#expireOldest()
  }

  forget(entry: TaskEntry): void {
    this.#ended.delete(entry)
    this.#lost.delete(entry)
  }

  /** Expires what was scraped twice after its end, or lingered long enough. */
  sweep(nowMs: number): void {
    const { lingerMs, lostLingerMs } = this.#limits
    for (const entry of this.#ended) {
      const wasScraped = entry.endMark !== undefined && this.#scrapes.isTwiceSince(entry.endMark)
      if (wasScraped || endedAtMs(entry.record) + lingerMs <= nowMs) this.#expire(entry)
    }
    for (const entry of this.#lost) if (entry.record.lastReportAtMs + lostLingerMs <= nowMs) this.#expire(entry)
  }

  /** Expires the lost tasks of an engine that is gone. */
  expireLostOf(instance: string): void {
    for (const entry of [...this.#lost]) if (entry.still.engine.instance === instance) this.#expire(entry)
  }

  #expireOldest(): void {
    const [oldest] = this.#ended
    if (oldest === undefined) return
    this.#onOverflow()
    this.#expire(oldest)
  }
}
