import { StringDecoder } from 'node:string_decoder'

/** Longer lines are given out in pieces. */
const lineCharactersMax = 64 * 1024
const rewrittenCharactersMax = 1024

/**
 * Splits the bytes of a stream into lines of text, whatever the chunks. A line that is written over itself by carriage
 * returns, as progress bars are, counts by what it shows last.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8')
  #pending = ''
  #shown = ''

  /** @returns the lines that are complete now. */
  push(chunk: Buffer): string[] {
    const [first = '', ...rest] = this.#decoder.write(chunk).split('\n')
    this.#pending += first
    const last = rest.pop()
    const complete = last === undefined ? [] : [this.#pending, ...rest].map(lastShown)
    if (last !== undefined) {
      this.#pending = last
      this.#shown = ''
    }
    if (this.#pending.length > rewrittenCharactersMax) this.#forgetOverwritten()
    while (this.#pending.length > lineCharactersMax) complete.push(this.#cutPending())
    return complete
  }

  /** What a line that is not complete shows now; empty where there is none. */
  get partial(): string {
    return lastShown(this.#pending)
  }

  /** What a line shows that is being written over and over, if that is new since the last call. */
  takeRewritten(): string | undefined {
    if (!this.#pending.includes('\r')) return undefined
    const { partial } = this
    if (partial === '' || partial === this.#shown) return undefined
    this.#shown = partial
    return partial
  }

  /** The last line, where the stream ended without an end of line. */
  end(): string[] {
    const rest = lastShown(this.#pending + this.#decoder.end())
    this.#pending = ''
    return rest === '' || rest === this.#shown ? [] : [rest]
  }

  /** What has been written over is not looked at again. */
  #forgetOverwritten(): void {
    if (!this.#pending.includes('\r', 1)) return
    const { partial } = this
    this.#pending = this.#pending.endsWith('\r') ? `${partial}\r` : `\r${partial}`
  }

  #cutPending(): string {
    const cut = this.#pending.slice(0, lineCharactersMax)
    this.#pending = this.#pending.slice(lineCharactersMax)
    return lastShown(cut)
  }
}

/** What a terminal shows of a line with carriage returns: the last piece that is not empty. */
function lastShown(line: string): string {
  if (!line.includes('\r')) return line
  return line.split('\r').findLast((piece) => piece !== '') ?? ''
}
