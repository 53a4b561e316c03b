/** The end of a run, held back until the other topics have surely been fetched: what it sets off takes the runtime away. */
import type { Taken, TopicNews } from './distrust.ts'
import { isTerminal, mayFollow, type ProgramStatus, readMs, readStatusMessage } from './program-status.ts'
import { kindOf } from './topics.ts'

const heldMax = 10_000
const heldBytesMax = 8 * 1024 * 1024
/** However the runtime goes on, its end is not held back for longer than so many times the grace. */
const patience = 10

export class HeldEnd {
  readonly #runtimeId: string
  readonly #graceMs: number
  readonly #held: { readonly topic: string; readonly taken: Taken }[] = []
  #heldBytes = 0
  #endMs: number | undefined
  #sinceMs = 0

  constructor(runtimeId: string, graceMs: number) {
    this.#runtimeId = runtimeId
    this.#graceMs = graceMs
  }

  get isHolding(): boolean {
    return this.#endMs !== undefined
  }

  /** When to look again at the latest, while something is held. */
  get nextLookMs(): number | undefined {
    return this.#endMs === undefined ? undefined : this.#endMs + this.#graceMs / 2
  }

  /**
   * Takes the end of this run, and whatever status comes after it, out of what was fetched.
   * @param statuses of the runs as they are committed
   */
  holdBack(news: readonly TopicNews[], statuses: ReadonlyMap<string, ProgramStatus>, nowMs: number): TopicNews[] {
    return news.map((each) => {
      if (kindOf(each.topic) !== 'program.status' || each.taken.length === 0) return each
      const at = this.isHolding ? 0 : this.#endAt(each.taken, statuses, nowMs)
      this.#hold(each.topic, each.taken.slice(at))
      return { ...each, taken: each.taken.slice(0, at) }
    })
  }

  /** As many as there is room for; the rest is fetched again. */
  #hold(topic: string, all: readonly Taken[]): void {
    for (const taken of all) {
      const { text = '' } = taken.raw
      this.#heldBytes += text.length
      if (this.#held.length >= heldMax || this.#heldBytes > heldBytesMax) return
      // A copy: a part of the answer would keep the whole of it.
      this.#held.push({ topic, taken: { ...taken, raw: { ...taken.raw, text: Buffer.from(text).toString() } } })
    }
  }

  /** Last status that is held of a topic. */
  readUpTo(topic: string): string | undefined {
    return this.#held.findLast((each) => each.topic === topic)?.taken.messageId
  }

  /** @param isEmpty this fetch brought nothing. @param isFull it brought all that was asked for, so that there is more */
  isDue(nowMs: number, isEmpty: boolean, isFull: boolean): boolean {
    if (this.#endMs === undefined) return false
    if (isEmpty && nowMs > this.#endMs + this.#graceMs / 2) return true
    if (!isFull && nowMs > this.#endMs + this.#graceMs) return true
    return nowMs > this.#sinceMs + this.#graceMs * patience
  }

  /** What was held, as if it had just been fetched. */
  asNews(): TopicNews[] {
    const topics = [...new Set(this.#held.map(({ topic }) => topic))]
    return topics.map((topic) => ({
      topic,
      taken: this.#held.filter((each) => each.topic === topic).map(({ taken }) => taken),
      refused: [],
      refusal: '',
      lost: 0,
      restartAt: undefined,
      latest: undefined,
      readNumber: 0,
      isFull: false,
    }))
  }

  /** Index of the first status that ends this run; the number of messages when there is none. */
  #endAt(taken: readonly Taken[], known: ReadonlyMap<string, ProgramStatus>, nowMs: number): number {
    let status = known.get(this.#runtimeId)
    for (const [i, { raw }] of taken.entries()) {
      const read = readStatusMessage(parsed(raw.text), readMs(raw.publishedAt))
      if (typeof read === 'string' || read.run.run !== this.#runtimeId || !mayFollow(status, read.programStatus)) continue
      status = read.programStatus
      if (!isTerminal(status)) continue
      // A clock that is ahead must not hold the end back.
      this.#endMs = Math.min(read.timeMs ?? nowMs, nowMs)
      this.#sinceMs = nowMs
      return i
    }
    return taken.length
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
