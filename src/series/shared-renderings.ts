import { setTimeout as pause } from 'node:timers/promises'

type Chunks = AsyncGenerator<Buffer, void, undefined>

/** One chunk of a rendering and the way to the next: who is behind keeps what it still needs, and nothing else does. */
class Link {
  readonly #source: Chunks
  #chunk: Promise<IteratorResult<Buffer, void>> | undefined
  #next: Link | undefined

  constructor(source: Chunks) {
    this.#source = source
  }

  /** The chunk; made when the first reader asks for it. */
  get chunk(): Promise<IteratorResult<Buffer, void>> {
    this.#chunk ??= this.#source.next()
    return this.#chunk
  }

  get next(): Link {
    this.#next ??= new Link(this.#source)
    return this.#next
  }
}

/** One rendering and those who read it: made at the pace of the fastest reader, given up when the last one leaves. */
class Rendering {
  /** Settles when nothing more is made. */
  readonly over: Promise<void>
  readonly #source: Chunks
  readonly #begun: Promise<void>
  #first: Link | undefined
  #readers = 0
  #endNow: () => void = () => undefined

  /** @param mayBegin once it settles, nobody joins any more. */
  constructor(source: Chunks, mayBegin: Promise<void>) {
    this.over = new Promise((resolve) => {
      this.#endNow = resolve
    })
    this.#source = source
    this.#first = new Link(source)
    this.#begun = mayBegin.then(() => {
      this.#first = undefined
    })
  }

  get begun(): Promise<void> {
    return this.#begun
  }

  join(): RenderingReader {
    if (this.#first === undefined) throw new Error('a rendering that has begun cannot be joined')
    this.#readers += 1
    let link = this.#first
    const next = async () => {
      await this.#begun
      const { done, value } = await link.chunk.catch((error: unknown) => {
        this.#endNow()
        throw error
      })
      if (done === true) {
        this.#endNow()
        return undefined
      }
      link = link.next
      return value
    }
    return { next, leave: () => this.#leave() }
  }

  async #leave(): Promise<void> {
    this.#readers -= 1
    if (this.#readers > 0) return
    this.#endNow()
    await this.#source.return()
  }
}

/** A seat at a rendering. */
export type RenderingReader = {
  /** The next chunk, `undefined` after the last. */
  next(): Promise<Buffer | undefined>
  /** To be called once, at the end or before it. */
  leave(): Promise<void>
}

/**
 * Lets requests that come at the same time share one rendering. A request never gets values from before it came: it joins a rendering
 * that has not begun, and the next one of a kind begins when the one at work is done, or has been at work for long.
 */
export class SharedRenderings<Kind extends string> {
  readonly #make: (kind: Kind) => Chunks
  readonly #waitMs: number
  readonly #waiting = new Map<Kind, Rendering>()
  readonly #working = new Map<Kind, Rendering>()

  /** @param waitMs a rendering that is held up by its readers keeps the next one from beginning no longer than this. */
  constructor(make: (kind: Kind) => Chunks, waitMs: number) {
    this.#make = make
    this.#waitMs = waitMs
  }

  join(kind: Kind): RenderingReader {
    return (this.#waiting.get(kind) ?? this.#announce(kind)).join()
  }

  #announce(kind: Kind): Rendering {
    const rendering = new Rendering(this.#make(kind), this.#turnOf(kind))
    this.#waiting.set(kind, rendering)
    void rendering.begun.then(async () => {
      this.#waiting.delete(kind)
      this.#working.set(kind, rendering)
      await rendering.over
      if (this.#working.get(kind) === rendering) this.#working.delete(kind)
    })
    return rendering
  }

  async #turnOf(kind: Kind): Promise<void> {
    const atWork = this.#working.get(kind)
    if (atWork !== undefined) await Promise.race([atWork.over, pause(this.#waitMs, undefined, { ref: false })])
  }
}
