import type { Readable, Writable } from 'node:stream'
import type { Task } from '../../reporter/index.ts'
import { levelOf, withoutEscapes } from './line-level.ts'
import { LineSplitter } from './line-splitter.ts'
import type { ProgressFinder } from './progress-finder.ts'

/** Lines a second that become log lines; a flood of output must not slow its command. */
const linesPerSecondMax = 5_000
const lastLinesMax = 20
const lastLinesCharactersMax = 2_000

/** The level of lines that name none themselves. */
const levels = { stdout: 'INFO', stderr: 'WARN' } as const

type Stream = keyof typeof levels

/** Turns the output of a command into log lines and progress of its task. */
export class OutputLog {
  readonly #task: Task
  readonly #findProgress: ProgressFinder | undefined
  readonly #splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() }
  readonly #lastErrors: string[] = []
  #progress: number | undefined
  #room = linesPerSecondMax
  #skipped = 0

  constructor(task: Task, findProgress: ProgressFinder | undefined) {
    this.#task = task
    this.#findProgress = findProgress
  }

  /** Takes bytes in. */
  push(stream: Stream, chunk: Buffer): void {
    const splitter = this.#splitters[stream]
    const lines = splitter.push(chunk)
    this.#search(splitter.partial === '' ? lines : [...lines.slice(-64), splitter.partial])
    for (const line of lines) this.#log(stream, line)
  }

  /** Called every second: gives room for more lines, and shows what is being written over itself. */
  tick(): void {
    this.#room = linesPerSecondMax
    this.#tellSkipped()
    for (const stream of ['stdout', 'stderr'] as const) {
      const line = this.#splitters[stream].takeRewritten()
      if (line !== undefined) this.#log(stream, line)
    }
  }

  /** The streams have ended. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) for (const line of this.#splitters[stream].end()) this.#log(stream, line)
    this.#tellSkipped()
  }

  /** The last lines of stderr, for the error of the task. */
  get lastErrors(): string {
    return this.#lastErrors.join('\n').slice(-lastLinesCharactersMax)
  }

  #log(stream: Stream, text: string): void {
    if (stream === 'stderr') this.#remember(text)
    if (this.#room <= 0) {
      this.#skipped++
      return
    }
    this.#room--
    const line = withoutEscapes(text)
    this.#task.log(levelOf(line, levels[stream]), line, { stream })
  }

  #remember(line: string): void {
    if (line.trim() === '') return
    this.#lastErrors.push(withoutEscapes(line.slice(0, lastLinesCharactersMax)))
    if (this.#lastErrors.length > lastLinesMax) this.#lastErrors.shift()
  }

  #tellSkipped(): void {
    if (this.#skipped === 0) return
    this.#task.log('WARN', `${this.#skipped} lines not logged: more than ${linesPerSecondMax} in a second`)
    this.#skipped = 0
  }

  #search(lines: readonly string[]): void {
    if (this.#findProgress === undefined) return
    for (const line of lines.slice(-64)) this.#progress = this.#findProgress(withoutEscapes(line)) ?? this.#progress
    if (this.#progress !== undefined) this.#task.update({ progress: this.#progress })
  }
}

/** Passes bytes on as they are, no faster than they are taken, and shows each chunk to `look`. */
export function passOn(source: Readable, sink: Writable, look: (chunk: Buffer) => void): void {
  source.on('data', (chunk: Buffer) => {
    if (!sink.write(chunk)) {
      source.pause()
      sink.once('drain', () => source.resume())
    }
    look(chunk)
  })
  // Nobody reads any more: the command is to meet a closed pipe, as it would without us.
  sink.on('error', () => source.destroy())
}
