import type { Keys } from '../keys.ts'
import type { JobRecord, LogEntry } from '../records.ts'
import { jobFields } from '../store/record-text.ts'
import { badCursor, cursorOf, cursorParts } from './cursor.ts'
import { ownRecord } from './job-detail.ts'
import { type LogLineView, levelRank, lineViewOf } from './log-line.ts'
import { type RedisReader, readAtOnce } from './read.ts'

export type TailQuery = {
  readonly limit: number
  /** Text a page may hold before it is cut, 4 MiB by default; at least one line is given. */
  readonly bytesMax?: number | undefined
  /** A cursor of this tail: ascending = behind it, descending = before it. */
  readonly after?: string | undefined
  /** Lines of this level and above. */
  readonly level?: string | undefined
  readonly order?: 'asc' | 'desc' | undefined
}

export type TailPage = {
  readonly job: JobRecord
  readonly lines: readonly LogLineView[]
  /** Where to go on in this order; null when there are no more lines now. */
  readonly nextCursor: string | null
  /** Where lines that come later begin: for following, in ascending order. */
  readonly resumeCursor: string
  /** Whether the tail still holds the job's first line. */
  readonly reachesBack: boolean
  /** Lines that belong between `after` (or the beginning) and the first one here are no longer in the tail. */
  readonly hasGap: boolean
  /** Time of the oldest entry held, in ns: at its newest line, so that nothing before it is missed. */
  readonly oldestTsNs: string | undefined
}

/** A line: number of its entry, then its index within it. An ascending reader stands behind it, a descending one before it. */
type Spot = { readonly entry: number; readonly line: number }
type Window = { readonly job: JobRecord; readonly first: number; readonly entries: readonly LogEntry[]; readonly from: number }

const cursorKind = 'tail'
const entriesPerRead = 100
const entriesReadMax = 2_000
const defaultBytesMax = 4 * 1024 * 1024
const triesMax = 4

/** Whether a cursor was handed out by the tail. */
export function isTailCursor(cursor: string): boolean {
  return cursorParts(cursorKind, cursor) !== undefined
}

/** The last lines of a job, straight from the store; undefined when there is no such job. */
export async function readTail(
  redis: RedisReader,
  keys: Keys,
  namespace: string,
  jobId: string,
  query: TailQuery,
): Promise<TailPage | undefined> {
  const read = (from: number | undefined) => readWindow(redis, keys, namespace, jobId, from)
  const after = spotOf(query.after)
  const oldest = await read(undefined)
  if (oldest === undefined) return undefined
  const { job, first } = oldest
  const page = new Page(query)
  const start = after ?? (page.isRising ? { entry: first, line: -1 } : { entry: job.tailNo + 1, line: 0 })
  await page.fill(start, entriesFrom(start, oldest, page.isRising, read))
  return {
    job,
    lines: page.lines,
    nextCursor: page.isCut ? spotCursor(page.last ?? start) : null,
    resumeCursor: spotCursor(page.isRising ? (page.last ?? start) : { entry: job.tailNo, line: Number.MAX_SAFE_INTEGER }),
    reachesBack: first <= 1,
    hasGap: page.isRising && first > (after === undefined ? 1 : after.entry + 1),
    oldestTsNs: oldest.entries[0]?.lines.at(-1)?.[0],
  }
}

/** Collects lines until the page is full. */
class Page {
  readonly isRising: boolean
  readonly lines: LogLineView[] = []
  readonly #query: TailQuery
  readonly #rankMin: number
  #bytes = 0
  #entries = 0
  /** The last line looked at, taken or not. */
  last: Spot | undefined
  /** The page ended before the lines did. */
  isCut = false

  constructor(query: TailQuery) {
    this.#query = query
    this.isRising = query.order !== 'desc'
    this.#rankMin = query.level === undefined ? 0 : levelRank(query.level)
  }

  /** @param start the line that was given out last, or a place with none */
  async fill(start: Spot, entries: AsyncIterable<Numbered>): Promise<void> {
    for await (const { no, entry } of entries) {
      if (!this.#takeEntry(entry, no, no === start.entry ? start.line : undefined)) return
    }
  }

  /**
   * @param beyond index of the line that was given out last; absent = none of this entry was
   * @returns false when the page is full: then the rest of the entry waits for the next one
   */
  #takeEntry(entry: LogEntry, no: number, beyond: number | undefined): boolean {
    if (this.#entries >= entriesReadMax) return this.#cut()
    this.#entries += 1
    return this.#order(entry.lines.length, beyond).every((index) => this.#takeLine(entry, no, index))
  }

  #order(count: number, beyond: number | undefined): number[] {
    const indexes = Array.from({ length: count }, (_, index) => index)
    if (this.isRising) return indexes.slice(beyond === undefined ? 0 : beyond + 1)
    return indexes.slice(0, beyond ?? count).reverse()
  }

  #takeLine(entry: LogEntry, no: number, index: number): boolean {
    const line = entry.lines[index]
    if (line === undefined) return true
    const isWanted = entry.isOwn !== true && levelRank(line[1]) >= this.#rankMin
    if (isWanted && this.#isFull) return this.#cut()
    this.last = { entry: no, line: index }
    if (!isWanted) return true
    this.#bytes += line[2].length
    this.lines.push(lineViewOf(entry, line))
    return true
  }

  get #isFull(): boolean {
    return this.lines.length >= this.#query.limit || this.#bytes > (this.#query.bytesMax ?? defaultBytesMax)
  }

  #cut(): boolean {
    this.isCut = true
    return false
  }
}

type Read = (from: number) => Promise<Window | undefined>
type Numbered = { readonly no: number; readonly entry: LogEntry }

function entriesFrom(start: Spot, oldest: Window, isRising: boolean, read: Read): AsyncGenerator<Numbered> {
  const { first, job } = oldest
  return isRising
    ? risingEntries(Math.max(start.entry, first), job.tailNo, read)
    : fallingEntries(Math.min(start.entry, job.tailNo), first, read)
}

async function* risingEntries(from: number, newest: number, read: Read): AsyncGenerator<Numbered> {
  let no = from
  while (no <= newest) {
    const window = await read(no)
    if (window === undefined || window.entries.length === 0) return
    for (const [i, entry] of window.entries.entries()) yield { no: window.from + i, entry }
    no = window.from + window.entries.length
  }
}

async function* fallingEntries(from: number, oldest: number, read: Read): AsyncGenerator<Numbered> {
  let no = from
  while (no >= oldest) {
    const begin = Math.max(oldest, no - entriesPerRead + 1)
    const window = await read(begin)
    if (window === undefined) return
    const numbered = window.entries.map((entry, i) => ({ no: window.from + i, entry })).filter((each) => each.no <= no)
    yield* numbered.reverse()
    no = begin - 1
  }
}

/**
 * Entries from number `from` on (from the oldest when absent), with the numbers they truly have: the job's record and the
 * list are read in one transaction, and again if the list was trimmed since the place was worked out.
 */
async function readWindow(
  redis: RedisReader,
  keys: Keys,
  namespace: string,
  jobId: string,
  from: number | undefined,
): Promise<Window | undefined> {
  const shard = keys.shardOfJob(namespace, jobId)
  const tail = keys.tail(shard, namespace, jobId)
  let index = 0
  for (let tries = 0; tries < triesMax; tries++) {
    const [text, length, texts] = await readAtOnce(redis, [
      ['hmget', keys.job(shard, namespace, jobId), ...jobFields],
      ['llen', tail],
      ['lrange', tail, index, index + entriesPerRead - 1],
    ])
    const job = ownRecord(text, namespace, jobId)
    if (job === undefined) return undefined
    const first = job.tailNo - Number(length) + 1
    const wantedIndex = from === undefined ? 0 : Math.max(0, from - first)
    if (wantedIndex === index)
      return { job, first, from: first + index, entries: (texts as string[]).map((entry) => JSON.parse(entry) as LogEntry) }
    index = wantedIndex
  }
  return undefined
}

function spotOf(cursor: string | undefined): Spot | undefined {
  if (cursor === undefined) return undefined
  const [entry, line] = cursorParts(cursorKind, cursor) ?? []
  if (!Number.isSafeInteger(entry) || !Number.isSafeInteger(line)) throw badCursor('after')
  return { entry: Number(entry), line: Number(line) }
}

function spotCursor(spot: Spot): string {
  return cursorOf(cursorKind, spot.entry, spot.line)
}
