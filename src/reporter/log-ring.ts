/** One log line of a task. Its time was fixed when it was logged and never changes. */
export type LogLine = {
  readonly ts: string
  readonly level: string
  readonly line: string
  readonly fields?: Readonly<Record<string, string>>
}

/** Bytes of the unsent lines of all tasks of a reporter. */
export type LogBudget = { usedBytes: number; readonly bytesMax: number }

export type LogRingLimits = { readonly linesMax: number; readonly bytesMax: number; readonly budget: LogBudget }

const lineBytesMax = 64 * 1024
const lineOverheadBytes = 80
const fieldsMax = 32
const cutMark = '…[cut]'

/** The unsent log lines of one task. When full the oldest line goes, and is counted. */
export class LogRing {
  readonly #limits: LogRingLimits
  #lines: LogLine[] = []
  #head = 0
  #bytes = 0
  #dropped = 0
  #lastDroppedTs: string | undefined

  constructor(limits: LogRingLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#lines.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether sending should not wait for the next interval. */
  get isHalfFull(): boolean {
    return this.size * 2 >= this.#limits.linesMax || this.#bytes * 2 >= this.#limits.bytesMax
  }

  /** @returns how many lines were dropped to make room. */
  push(line: LogLine): number {
    this.#lines.push(line)
    this.#count(bytesOf(line))
    return this.#shrink()
  }

  /** Takes the oldest lines, with a line in front that says how many were lost before them. */
  take(linesMax: number, bytesMax: number): LogLine[] {
    const taken = this.#lossNotice()
    let bytes = 0
    while (this.size > 0 && taken.length < linesMax && (bytes < bytesMax || taken.length === 0)) {
      const line = this.#shift()
      bytes += bytesOf(line)
      taken.push(line)
    }
    return taken
  }

  /** Puts lines back in front of the others, in their order. @returns how many lines were dropped for want of room. */
  putBack(lines: readonly LogLine[]): number {
    this.#lines = [...lines, ...this.#lines.slice(this.#head)]
    this.#head = 0
    this.#count(lines.reduce((sum, line) => sum + bytesOf(line), 0))
    return this.#shrink()
  }

  /** Forgets all lines. @returns how many there were. */
  clear(): number {
    const { size } = this
    this.#count(-this.#bytes)
    this.#lines = []
    this.#head = 0
    return size
  }

  #lossNotice(): LogLine[] {
    if (this.#dropped === 0) return []
    const dropped = String(this.#dropped)
    const ts = this.#lastDroppedTs ?? new Date().toISOString()
    this.#dropped = 0
    return [{ ts, level: 'WARN', line: `${dropped} lines dropped`, fields: { dropped } }]
  }

  #shrink(): number {
    let dropped = 0
    const { linesMax, bytesMax, budget } = this.#limits
    while (this.size > 0 && (this.size > linesMax || this.#bytes > bytesMax || budget.usedBytes > budget.bytesMax)) {
      this.#lastDroppedTs = this.#shift().ts
      dropped++
    }
    this.#dropped += dropped
    return dropped
  }

  #shift(): LogLine {
    const line = this.#lines[this.#head] as LogLine
    this.#head++
    this.#count(-bytesOf(line))
    if (this.#head > 64 && this.#head * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#head)
      this.#head = 0
    }
    return line
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#limits.budget.usedBytes += bytes
  }
}

/** A line ready for the ring: level in upper case, text cut at 64 KiB, at most 32 fields as text. */
export function logLine(level: unknown, text: unknown, fields: unknown, atMs: number): LogLine {
  const line = {
    ts: new Date(atMs).toISOString(),
    level: typeof level === 'string' && level !== '' ? level.toUpperCase().slice(0, 16) : 'INFO',
    line: cut(typeof text === 'string' ? text : String(text)),
  }
  if (typeof fields !== 'object' || fields === null) return line
  const kept = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .slice(0, fieldsMax)
    .map(([key, value]): [string, string] => [key.slice(0, 100), String(value).slice(0, 1024)])
  return kept.length === 0 ? line : { ...line, fields: Object.fromEntries(kept) }
}

/** The text within the limit of a line, in whole characters. */
function cut(text: string): string {
  if (text.length * 3 <= lineBytesMax || Buffer.byteLength(text) <= lineBytesMax) return text
  const room = lineBytesMax - Buffer.byteLength(cutMark)
  const bytes = Buffer.from(text.slice(0, room))
  let end = Math.min(room, bytes.length)
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + cutMark
}

/** What a line costs in memory, roughly: exact counting would read every character twice. */
function bytesOf(line: LogLine): number {
  let bytes = line.line.length + lineOverheadBytes
  if (line.fields === undefined) return bytes
  for (const [key, value] of Object.entries(line.fields)) bytes += key.length + value.length + 8
  return bytes
}
