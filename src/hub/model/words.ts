/** What is kept of what runs say. Each list has a limit of entries and one of bytes; what is left out is counted at its end. */
import type { NodeLog } from './event.ts'

export type WordLimits = { readonly entriesMax: number; readonly bytesMax: number }

/** Of one result: lines, and warnings. */
export const resultLines: WordLimits = { entriesMax: 1_000, bytesMax: 256 * 1024 }
export const resultWarnings: WordLimits = { entriesMax: 100, bytesMax: 64 * 1024 }
/** Of a process: warnings of all its nodes together. Its lines have a limit of their own where they are stored. */
export const processWarnings: WordLimits = { entriesMax: 1_000, bytesMax: 256 * 1024 }

/** Takes entries as long as there is room; from the first on for which there is none, all are left out. */
export class BoundedList<T> {
  readonly kept: T[] = []
  readonly #limits: WordLimits
  #bytes = 0
  #leftOut = 0

  constructor(limits: WordLimits) {
    this.#limits = limits
  }

  get leftOut(): number {
    return this.#leftOut
  }

  add(entry: T, text: string): void {
    const bytes = this.#bytes + Buffer.byteLength(text)
    // One place is for the note of what was left out.
    if (this.#leftOut > 0 || this.kept.length >= this.#limits.entriesMax - 1 || bytes > this.#limits.bytesMax) {
      this.#leftOut += 1
      return
    }
    this.#bytes = bytes
    this.kept.push(entry)
  }

  /** Others have left out so many already. */
  miss(count: number): void {
    this.#leftOut += count
  }
}

const warningNote = /^(\d{1,9}) further warnings are left out$/

/** The first warnings, and how many more there were. A note of that among them is not kept as a warning, but added up. */
export function boundedWarnings(warnings: readonly string[], limits: WordLimits): string[] {
  const list = new BoundedList<string>(limits)
  let before = 0
  for (const warning of warnings) {
    const note = warningNote.exec(warning)
    if (note === null) list.add(warning, warning)
    else before += Number(note[1])
  }
  list.miss(before)
  return list.leftOut === 0 ? list.kept : [...list.kept, `${list.leftOut} further warnings are left out`]
}

/** Beyond the limit of bytes: the note of whoever has cut before. */
const noteBytesMax = 500

/** The first lines, and how many more there were; a list that was cut to the same limits before stays as it is. */
export function boundedLines<T extends NodeLog>(lines: readonly T[], limits: WordLimits): readonly T[] {
  const bytes = lines.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0)
  if (lines.length <= limits.entriesMax && bytes <= limits.bytesMax + noteBytesMax) return lines
  const list = new BoundedList<T>(limits)
  for (const line of lines) list.add(line, line.line)
  const last = lines.at(-1)
  if (list.leftOut === 0 || last === undefined) return list.kept
  return [...list.kept, { ...last, level: 'WARN', line: `${list.leftOut} further lines are left out` }]
}
