/** One cycle's messages, ready to be committed: made once, and committed again as it is when a commit fails. */
import { randomUUID } from 'node:crypto'
import type { FetchedFrom, Report, ReportResult } from '../report/report.ts'
import { freshTopic, type Taken, type TopicNews, type TopicState } from './distrust.ts'
import type { MessageReader, RunContext, StatusEntry } from './message-reader.ts'
import type { ProgramRun, ProgramStatus } from './program-status.ts'
import { inCommitOrder, kindOf, topicLabel } from './topics.ts'

/** One report to apply, and how many messages it stands for. */
export type Step = {
  readonly topic: string
  readonly report: Report
  readonly messages: number
  readonly isLines: boolean
  readonly hasAttempt: boolean
  readonly entry: StatusEntry | undefined
  /** Position of the last of its messages. */
  readonly position: string
}

/** A message that was not taken, kept for whoever looks into it. */
export type KeptMessage = { readonly topic: string; readonly messageId: unknown; readonly reason?: string; readonly text: string }

export type OffsetMove = {
  readonly topic: string
  readonly from: string | null
  to: string | null
  readonly latest: string | null
  readonly generation: number
}

export type Batch = {
  /** Names this batch to the store, so that committing it twice does what once does. */
  readonly token: string
  readonly epoch: string
  readonly steps: readonly Step[]
  readonly moves: readonly OffsetMove[]
  /**
   * By JSON of topic label and outcome. What only the application of a report tells is added then, or is counted by the store
   * together with what the report does to its job.
   */
  readonly counts: Map<string, number>
  readonly resets: Map<string, number>
  readonly refused: KeptMessage[]
  readonly opaque: readonly KeptMessage[]
  readonly statuses: ReadonlyMap<string, ProgramStatus>
  readonly program: ProgramRun | undefined
  /** What its steps came to when they were applied, in their order, as far as that is known. */
  readonly results: ReportResult[]
}

const keptLengthMax = 8_192
const linesPerReportMax = 500

export function addCount(counts: Map<string, number>, topic: string, outcome: string, by = 1): void {
  if (by === 0) return
  const key = JSON.stringify([topicLabel(topic), outcome])
  counts.set(key, (counts.get(key) ?? 0) + by)
}

export type BatchSource = {
  readonly epoch: string
  readonly news: readonly TopicNews[]
  readonly absent: readonly string[]
  readonly topics: ReadonlyMap<string, TopicState>
  readonly isNewEpoch: boolean
  /** Whether a job of this id is another runtime's. */
  readonly isOwnedElsewhere: (jobId: string) => boolean
}

/** Makes a batch of what was taken of each topic. Statuses are judged here, in their order. */
export function makeBatch(source: BatchSource, reader: MessageReader, run: RunContext): Batch {
  const draft = new Draft(source, reader, run)
  run.program ??= programIn(source.news, reader, run)
  const byTopic = new Map(source.news.map((news) => [news.topic, news]))
  for (const topic of inCommitOrder([...byTopic.keys()])) {
    const news = byTopic.get(topic)
    if (news !== undefined) draft.take(news)
  }
  for (const topic of source.absent) addCount(draft.counts, topic, 'unknown_topic')
  if (source.isNewEpoch) draft.resets.set('new_epoch', 1)
  return {
    token: randomUUID(),
    epoch: source.epoch,
    steps: draft.steps,
    moves: draft.moves,
    counts: draft.counts,
    resets: draft.resets,
    refused: draft.refused,
    opaque: draft.opaque,
    statuses: new Map(run.statuses),
    program: run.program,
    results: [],
  }
}

/** The program, as the run's first status names it: what is taken in before that says nothing of it, and is of the same program. */
function programIn(news: readonly TopicNews[], reader: MessageReader, run: RunContext): ProgramRun | undefined {
  for (const { topic, taken } of news) {
    if (kindOf(topic) !== 'program.status') continue
    for (const { raw } of taken) {
      const program = reader.programOf(raw, run)
      if (program !== undefined) return program
    }
  }
  return undefined
}

class Draft {
  readonly steps: Step[] = []
  readonly moves: OffsetMove[] = []
  readonly counts = new Map<string, number>()
  readonly resets = new Map<string, number>()
  readonly refused: KeptMessage[] = []
  readonly opaque: KeptMessage[] = []
  readonly #source: BatchSource
  readonly #reader: MessageReader
  readonly #run: RunContext

  constructor(source: BatchSource, reader: MessageReader, run: RunContext) {
    this.#source = source
    this.#reader = reader
    this.#run = run
  }

  take(news: TopicNews): void {
    const { topic, restartAt } = news
    const state = this.#source.topics.get(topic) ?? freshTopic(topic)
    const isReset = restartAt !== undefined
    const generation = state.generation + (isReset ? 1 : 0)
    for (const taken of news.taken) this.#takeMessage(topic, taken, generation)
    for (const raw of news.refused) {
      addCount(this.counts, topic, 'refused')
      this.refused.push({ topic, messageId: raw.messageId, reason: news.refusal, text: shortened(raw.text) })
    }
    addCount(this.counts, topic, 'lost', news.lost)
    if (isReset) this.resets.set('log_lost', (this.resets.get('log_lost') ?? 0) + 1)
    const known = this.#source.isNewEpoch ? null : state.committed
    const to = isReset ? restartAt : (news.taken.at(-1)?.messageId ?? known)
    const latest = news.latest === undefined ? state.latest : news.latest
    this.moves.push({ topic, from: state.committed, to, latest, generation })
  }

  #takeMessage(topic: string, taken: Taken, generation: number): void {
    const meaning = this.#reader.read(topic, taken, this.#run)
    const kept = { topic, messageId: taken.messageId, text: shortened(taken.raw.text) }
    if (meaning.kind === 'opaque') {
      addCount(this.counts, topic, 'opaque')
      this.opaque.push(kept)
    } else if (meaning.kind === 'report' && !this.#isForeign(meaning.report)) {
      const position = positionOf(generation, taken.messageId)
      const { report, entry, isLines = false, hasAttempt = false } = meaning
      this.#addStep({ topic, report, messages: 1, isLines, hasAttempt, entry, position })
    } else {
      const reason = meaning.kind === 'report' ? 'the job is of another runtime' : meaning.reason
      addCount(this.counts, topic, meaning.kind === 'refused' ? 'refused' : 'foreign')
      this.refused.push({ ...kept, reason })
    }
  }

  #isForeign({ jobId, execId }: Report): boolean {
    return execId !== undefined && jobId !== this.#run.runtimeId && this.#source.isOwnedElsewhere(jobId)
  }

  /** Lines of one task that follow each other become one report. */
  #addStep(step: Step): void {
    const marked = { ...step, report: withOrigin(step, this.#run.runtimeId) }
    const before = this.steps.at(-1)
    const joined = before === undefined ? undefined : joinLines(before, marked)
    if (joined === undefined) this.steps.push(marked)
    else this.steps[this.steps.length - 1] = joined
  }
}

/** Position in a log whose numbers may have begun anew: rises from message to message. */
export function positionOf(generation: number, messageId: string): string {
  return `${String(generation).padStart(4, '0')}.${messageId}`
}

function withOrigin({ report, topic, position, isLines, hasAttempt }: Step, runtimeId: string): Report {
  if (report.execId === undefined) return report
  const isNote = report.status === undefined && report.progressRatio === undefined
  const fetched: FetchedFrom = {
    runtimeId,
    log: topic,
    countedAs: topicLabel(topic),
    position,
    isNote,
    hasAttempt: !isNote || hasAttempt,
    ...(isLines ? { linePositions: (report.logs ?? []).map(() => position) } : {}),
  }
  return { ...report, fetched }
}

function joinLines(before: Step, step: Step): Step | undefined {
  const [a, b] = [before.report, step.report]
  if (
    !isOfOneTask(before, step) ||
    (a.logs?.length ?? 0) >= linesPerReportMax ||
    a.fetched === undefined ||
    b.fetched === undefined
  )
    return undefined
  const linePositions = [...(a.fetched.linePositions ?? []), ...(b.fetched.linePositions ?? [])]
  const report: Report = {
    ...a,
    logs: [...(a.logs ?? []), ...(b.logs ?? [])],
    fetched: { ...b.fetched, linePositions, messagePositions: [...positionsIn(a.fetched), ...positionsIn(b.fetched)] },
  }
  return { ...step, report, messages: before.messages + step.messages }
}

const positionsIn = ({ position, messagePositions }: FetchedFrom) => messagePositions ?? [position]

function isOfOneTask(a: Step, b: Step): boolean {
  const isLines = a.isLines && b.isLines && a.topic === b.topic && kindOf(b.topic) === 'logs'
  const isSameAttempt = a.report.attempt === b.report.attempt && a.hasAttempt === b.hasAttempt
  return isLines && isSameAttempt && a.report.execId === b.report.execId
}

const shortened = (text: string | undefined) => (text ?? '').slice(0, keptLengthMax)
