/** Follows one runtime while its lease is held: fetch, commit, wait, until it has ended. */
import type { Lease } from '../bus/lease.ts'
import { ScopeError } from '../errors.ts'
import type { ParseReport } from '../report/parse.ts'
import type { Report } from '../report/report.ts'
import { type Batch, makeBatch, positionOf } from './batch.ts'
import { type Apply, applyBatch } from './batch-applier.ts'
import { freshTopic, judgeAnswer, type News, type TopicNews, type TopicState } from './distrust.ts'
import type { Asked, Caller, Fetched, Fetcher } from './fetcher.ts'
import { HeldEnd } from './held-end.ts'
import { afterAll, numberOf } from './message-id.ts'
import { MessageReader, type RunContext, type StatusEntry } from './message-reader.ts'
import type { ProgramLog } from './program-log.ts'
import type { Facts, RuntimeName, RuntimeRecord, RuntimeState, RuntimeStore } from './runtime-store.ts'
import type { Slots } from './slots.ts'
import { kindOf, limitOf } from './topics.ts'

export type WatchSettings = {
  readonly intervalMs: number
  readonly graceMs: number
  readonly reset: 'earliest' | 'latest'
  /** Failures in a row after which a runtime is unreachable. */
  readonly unreachableAfter: number
  readonly retentionMs: number
  /** How often its engine is told to be alive. */
  readonly beatMs: number
}

/** What the series show of a runtime. */
export type RuntimeView = {
  readonly namespace: string
  readonly runtime: string
  readonly isUp: boolean
  readonly lastSuccessAtMs: number | undefined
  /** By topic label. */
  readonly behind: ReadonlyMap<string, number>
  readonly isOver: boolean
}

export type WatchDeps = {
  readonly store: RuntimeStore
  readonly log: ProgramLog
  readonly fetcher: Fetcher
  readonly parse: ParseReport
  readonly apply: Apply
  readonly slots: Slots
  readonly settings: WatchSettings
  readonly monitorId: string
  readonly nowMs: () => number
  readonly hasRoomForLines: () => boolean
  readonly isRuntime: (id: string, namespace: string) => boolean
  readonly onView: (name: RuntimeName, view: RuntimeView) => void
  /** For the log. */
  readonly onTrouble: (name: RuntimeName, what: string, error?: unknown) => void
}

const backoffMsMin = 500
const backoffMsMax = 30_000
const persistEveryMs = 5_000
const triesOfDead = 3
const troubleEveryMs = 30_000

export class RuntimeWatch {
  readonly name: RuntimeName
  readonly #deps: WatchDeps
  readonly #lease: Lease
  readonly #reader: MessageReader
  #record: RuntimeRecord | undefined
  #revision: string | undefined
  #run: RunContext | undefined
  #topics = new Map<string, TopicState>()
  #held: HeldEnd
  #pending: { readonly batch: Batch; readonly isEnd: boolean; readonly isFull: boolean; readonly isEmpty: boolean } | undefined
  #facts: Facts = {}
  #totals = new Map<string, number>()
  #failures = 0
  #failuresSinceNotice = 0
  #storeFailures = 0
  #delayMs: number | undefined
  #lastSuccessAtMs: number | undefined
  #lastPollAtMs: number | undefined
  #problem: string | undefined
  #persistedAtMs = 0
  #beatAtMs = Number.NEGATIVE_INFINITY
  #troubleAtMs = Number.NEGATIVE_INFINITY
  readonly #stopping = new AbortController()
  #isStopped = false
  #isBusy = false
  #isOver = false
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined

  constructor(name: RuntimeName, lease: Lease, deps: WatchDeps) {
    this.name = name
    this.#lease = lease
    this.#deps = deps
    this.#reader = new MessageReader(deps.parse, deps.nowMs)
    this.#held = new HeldEnd(name.id, deps.settings.graceMs)
  }

  /** Nothing of it is being fetched or committed. */
  get isIdle(): boolean {
    return !this.#isBusy
  }

  /** It has ended, or is no longer registered: there is nothing left to follow. */
  get isOver(): boolean {
    return this.#isOver
  }

  start(): void {
    this.#loop = this.#follow()
  }

  /** Something about the runtime has changed: it is looked at now. */
  wake(): void {
    this.#wake?.()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopping.abort()
    this.wake()
    await this.#loop
    if (this.#totals.size > 0) await this.#deps.store.addTotals(this.name, this.#totals).catch(() => undefined)
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped && !this.#isOver && this.#lease.isHeld) {
      this.#isBusy = true
      const delayMs = await this.#turn()
      this.#isBusy = false
      if (delayMs > 0 && !this.#isOver) await this.#pause(delayMs)
    }
  }

  /** @returns how long to wait before the next */
  async #turn(): Promise<number> {
    try {
      if (!(await this.#refresh())) return 0
      if (this.#pending === undefined && (await this.#poll()) === 'failed') return this.#delayAfterFailure()
      const delayMs = await this.#settle()
      this.#storeFailures = 0
      return delayMs
    } catch (error) {
      this.#storeFailures++
      this.#trouble('its messages could not be committed; the same ones are tried again', error)
      return backoff(this.#storeFailures)
    }
  }

  /** Reads what others have changed. @returns false when there is nothing to follow any more */
  async #refresh(): Promise<boolean> {
    const { store, nowMs, settings } = this.#deps
    const revision = await store.revisionOf(this.name)
    if (revision === this.#revision && this.#record !== undefined) return true
    const record = await store.load(this.name)
    if (record === undefined || record.state === 'ENDED') {
      if (record !== undefined) await store.retire(this.name, (record.endedAtMs ?? nowMs()) + settings.retentionMs)
      this.#isOver = true
      return false
    }
    if (this.#record === undefined) this.#begin(record)
    if (record.dead !== undefined && this.#record?.dead === undefined) this.#failuresSinceNotice = 0
    this.#record = record
    this.#revision = revision
    this.#topics = new Map(
      record.spec.topics.map((topic) => [topic, this.#topics.get(topic) ?? record.topics.get(topic) ?? freshTopic(topic)]),
    )
    if (!record.isEnding) return true
    await this.#finish('')
    return false
  }

  #begin(record: RuntimeRecord): void {
    const { namespace, id: runtimeId } = this.name
    this.#failures = record.poll.failures
    this.#lastSuccessAtMs = record.poll.lastSuccessAtMs
    this.#held = new HeldEnd(runtimeId, this.#deps.settings.graceMs)
    this.#topics = new Map()
    this.#run = {
      runtimeId,
      namespace,
      engineType: record.spec.engineType,
      epoch: record.epoch ?? '',
      statuses: new Map(record.statuses),
      program: record.program,
    }
  }

  async #poll(): Promise<'taken' | 'failed'> {
    const { fetcher, slots, nowMs } = this.#deps
    const record = this.#record as RuntimeRecord
    const { caller } = this
    if (record.stop !== undefined && record.stop.sentAtMs === undefined) {
      const { isDone, says } = await slots.run(() => fetcher.tell(record.spec, caller, 'kill'))
      const stop = { ...record.stop, says, ...(isDone ? { sentAtMs: nowMs() } : {}) }
      this.#record = { ...record, stop }
      this.#facts = { ...this.#facts, stop }
    }
    const asked = new Map<string, Asked>()
    for (const { topic, read } of this.#topics.values()) asked.set(topic, { messageId: read, limit: limitOf(topic) })
    const fetched = await slots.run(() => fetcher.fetch(record.spec, caller, asked, this.#stopping.signal))
    if (this.#isStopped) return 'failed'
    this.#lastPollAtMs = nowMs()
    return this.#take(fetched)
  }

  get caller(): Caller {
    return { id: this.#deps.monitorId, leaseEpoch: this.#lease.fence }
  }

  async #take(fetched: Fetched): Promise<'taken' | 'failed'> {
    const { failure, envelope } = fetched
    if (envelope === undefined || (failure !== undefined && envelope.runtimeId === undefined)) return this.#failed(fetched)
    const run = this.#run as RunContext
    const epoch = run.epoch === '' ? undefined : run.epoch
    const { reset } = this.#deps.settings
    const expected = { runtimeId: run.runtimeId, epoch, topics: this.#topics, limitOf, reset }
    const news = judgeAnswer(envelope, expected)
    if ('refusal' in news) return this.#failed({ ...fetched, failure: 'invalid', reason: news.refusal })
    const count = news.topics.reduce((sum, { taken, refused }) => sum + taken.length + refused.length, 0)
    // One message alone that is larger than an answer may be is passed over.
    const oversized = failure === 'too_large' && count === 0 ? envelope.cutIn : undefined
    if (failure !== undefined && count === 0 && oversized === undefined) return this.#failed(fetched)
    this.#count('runtimePolls', outcomeOf(failure, count))
    this.#succeeded(failure === undefined ? undefined : fetched.reason)
    const topics = oversized === undefined ? news.topics : withOversized(news.topics, oversized)
    this.#accept({ ...news, topics }, count === 0 && failure === undefined)
    return 'taken'
  }

  /** Makes what was fetched ready to be committed. */
  #accept({ topics, absent, epoch, isNewEpoch }: Extract<News, { epoch: string }>, isEmpty: boolean): void {
    const { settings, hasRoomForLines, nowMs } = this.#deps
    const run = this.#run as RunContext
    if (isNewEpoch) this.#held = new HeldEnd(run.runtimeId, settings.graceMs)
    this.#run = { ...run, epoch }
    // Without room for them lines stay where they are; nothing else waits for that.
    const used = hasRoomForLines() ? topics : topics.filter(({ topic }) => kindOf(topic) !== 'logs')
    const free = this.#held.holdBack(used, this.#run.statuses, nowMs())
    const isFull = used.length === topics.length && topics.some((each) => each.isFull)
    this.#pending = { batch: this.#batchOf(free, absent, isNewEpoch), isEnd: false, isFull, isEmpty }
  }

  #batchOf(news: readonly TopicNews[], absent: readonly string[], isNewEpoch: boolean): Batch {
    const run = this.#run as RunContext
    const isOwnedElsewhere = (jobId: string) => this.#deps.isRuntime(jobId, run.namespace)
    const source = { epoch: run.epoch, news, absent, topics: this.#topics, isNewEpoch, isOwnedElsewhere }
    return makeBatch(source, this.#reader, run)
  }

  /** Commits what is pending, then looks whether the run is over. @returns how long to wait */
  async #settle(): Promise<number> {
    const { settings, nowMs } = this.#deps
    const pending = this.#pending
    if (pending === undefined) return settings.intervalMs
    if (!(await this.#commit(pending.batch, pending.isEnd))) return 0
    this.#pending = undefined
    if (pending.isEnd) return this.#finish('')
    if (this.#held.isDue(nowMs(), pending.isEmpty, pending.isFull || this.#hasMore)) return this.#end()
    if (pending.isFull) return 0
    const lookMs = (this.#held.nextLookMs ?? Number.POSITIVE_INFINITY) - nowMs()
    const intervalMs = jittered(settings.intervalMs, 0.1)
    return lookMs > 0 ? Math.min(intervalMs, lookMs + 1) : intervalMs
  }

  /** Whether some topic says that it has more than was read of it: an answer may be short because messages are large. */
  get #hasMore(): boolean {
    return [...this.#topics.values()].some(({ latest, read }) => numberOf(latest) > numberOf(read))
  }

  /** @returns false when the lease is lost, or the runtime is gone */
  async #commit(batch: Batch, isEnd: boolean): Promise<boolean> {
    const { store, log, apply, nowMs } = this.#deps
    const { namespace, id } = this.name
    const beat = this.#beat()
    const applied = await applyBatch(batch, beat, apply, () => this.#lease.isHeld)
    await log.append(namespace, id, applied.entries)
    const totals = new Map(this.#totals)
    for (const [key, by] of applied.counts) totals.set(fieldOf('runtimeMessages', ...(JSON.parse(key) as string[])), by)
    for (const [reason, by] of batch.resets) totals.set(fieldOf('runtimeResets', reason), by)
    const state: RuntimeState = this.#held.isHolding ? 'FINISHING' : 'ACTIVE'
    const isNews =
      isEnd || totals.size > this.#totals.size || batch.moves.some((move) => this.#isNews(move.topic, move.to, move.latest))
    const isDue =
      nowMs() - this.#persistedAtMs >= persistEveryMs || state !== this.#record?.state || this.#facts.stop !== undefined
    this.#show()
    if (!isNews && !isDue) return true
    const facts = { ...this.#facts, state, poll: this.#pollFacts(), isEnding: isEnd }
    const answer = await store.commit(this.name, this.#lease.fence, { ...batch, refused: applied.refused }, facts, totals)
    if (answer !== 'ok') return this.#lost(answer)
    this.#committed(batch, state)
    return true
  }

  #isNews(topic: string, to: string | null, latest: string | null): boolean {
    const known = this.#topics.get(topic)
    return known === undefined || known.committed !== to || known.latest !== latest
  }

  /** Only now the offsets in memory move. */
  #committed(batch: Batch, state: RuntimeState): void {
    this.#totals = new Map()
    this.#facts = {}
    this.#persistedAtMs = this.#deps.nowMs()
    if (this.#record !== undefined) this.#record = { ...this.#record, state }
    for (const { topic, to, latest, generation } of batch.moves) {
      this.#topics.set(topic, { topic, committed: to, read: this.#held.readUpTo(topic) ?? to, latest, generation })
    }
    this.#show()
  }

  async #lost(answer: 'fenced' | 'gone' | 'conflict'): Promise<false> {
    this.#count('runtimePolls', 'fenced')
    this.#deps.onTrouble(this.name, `what was fetched is left to others: ${answer}`)
    this.#pending = undefined
    this.#record = undefined
    if (answer !== 'conflict') this.#isOver = true
    return false
  }

  /** The end that was held back is committed, last of all. */
  async #end(): Promise<number> {
    const batch = this.#batchOf(this.#held.asNews(), [], false)
    this.#pending = { batch, isEnd: true, isFull: false, isEmpty: false }
    return this.#settle()
  }

  /** Says good-bye to the runtime, and forgets how far it was read. */
  async #finish(detail: string): Promise<number> {
    const { store, log, fetcher, slots, nowMs, settings } = this.#deps
    const record = this.#record as RuntimeRecord
    if (detail === '') {
      const goodbye = await slots.run(() => fetcher.tell(record.spec, this.caller, 'shutdown'))
      if (!goodbye.isDone) await slots.run(() => fetcher.tell(record.spec, this.caller, 'kill'))
    }
    if (await store.finish(this.name, this.#lease.fence, nowMs(), settings.retentionMs, detail)) {
      await log.forgetRuntime(this.name.namespace, this.name.id)
    }
    this.#isOver = true
    this.#show()
    return 0
  }

  async #failed(fetched: Fetched): Promise<'failed'> {
    const { settings, nowMs } = this.#deps
    const outcome = fetched.failure ?? 'invalid'
    this.#count('runtimePolls', outcome)
    this.#failures++
    this.#failuresSinceNotice++
    this.#problem = fetched.reason
    this.#trouble(`it cannot be polled: ${outcome}, ${fetched.reason}`)
    const isRefused = fetched.status === 401 || fetched.status === 403
    this.#delayMs = isRefused ? backoffMsMax : fetched.status === 400 ? settings.intervalMs : undefined
    const isGone = this.#record?.dead !== undefined || fetched.status === 410
    if (isGone && this.#failuresSinceNotice >= triesOfDead) await this.#terminate(fetched)
    // The runtime went away before it was told to: its end is known all the same.
    else if (this.#held.isDue(nowMs(), false, false)) await this.#end()
    else await this.#noteFailure(isRefused || this.#failures >= settings.unreachableAfter)
    return 'failed'
  }

  async #noteFailure(isUnreachable: boolean): Promise<void> {
    const state: RuntimeState = isUnreachable ? 'UNREACHABLE' : (this.#record?.state ?? 'ACTIVE')
    const facts = { ...this.#facts, state, poll: this.#pollFacts() }
    const answer = await this.#deps.store.commit(this.name, this.#lease.fence, undefined, facts, this.#totals)
    if (answer !== 'ok') {
      await this.#lost(answer)
      return
    }
    this.#totals = new Map()
    this.#facts = {}
    if (this.#record !== undefined) this.#record = { ...this.#record, state }
    this.#show()
  }

  #delayAfterFailure(): number {
    if (this.#isOver) return 0
    if (this.#record?.dead !== undefined) return backoffMsMin
    return this.#delayMs ?? backoff(this.#failures)
  }

  /** The process is gone and nothing more can be fetched: the run has ended, as it had said itself or with the cause. */
  async #terminate(fetched: Fetched): Promise<void> {
    const run = this.#run as RunContext
    const cause = causeOf(this.#record, fetched)
    if (this.#held.isHolding) {
      const batch = this.#batchOf(this.#held.asNews(), [], false)
      if (!(await this.#commit(batch, true))) return
    } else {
      const position = positionOf(9_999, afterAll(run.epoch === '' ? '0'.repeat(13) : run.epoch))
      const nowMs = this.#deps.nowMs()
      const report = terminated(run, cause, position, nowMs, this.#deps.parse)
      if (!this.#lease.isHeld) return
      const [result] = await this.#deps.apply([report])
      if (result?.outcome === 'applied' || result?.outcome === 'duplicate') {
        const entry = entryOf(run, report, nowMs)
        await this.#deps.log.append(run.namespace, run.runtimeId, [{ position, entry }])
      }
    }
    await this.#finish(cause)
  }

  #succeeded(problem: string | undefined): void {
    this.#failures = 0
    this.#failuresSinceNotice = 0
    this.#problem = problem
    this.#lastSuccessAtMs = this.#deps.nowMs()
    this.#troubleAtMs = Number.NEGATIVE_INFINITY
  }

  #pollFacts() {
    return {
      failures: this.#failures,
      ...(this.#lastPollAtMs === undefined ? {} : { lastPollAtMs: this.#lastPollAtMs }),
      ...(this.#lastSuccessAtMs === undefined ? {} : { lastSuccessAtMs: this.#lastSuccessAtMs }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    }
  }

  /** A runtime that answers is an engine that lives. */
  #beat(): Report[] {
    const run = this.#run as RunContext
    const nowMs = this.#deps.nowMs()
    if (nowMs - this.#beatAtMs < this.#deps.settings.beatMs) return []
    const engine = { instance: run.runtimeId, engineType: run.engineType, incarnation: run.epoch }
    const parsed = this.#deps.parse({ namespace: run.namespace, engine }, nowMs)
    if (!parsed.isValid) return []
    this.#beatAtMs = nowMs
    return [parsed.report]
  }

  #count(family: string, outcome: string): void {
    const field = fieldOf(family, outcome)
    this.#totals.set(field, (this.#totals.get(field) ?? 0) + 1)
  }

  #show(): void {
    if (this.#isStopped) return
    this.#deps.onView(this.name, {
      namespace: this.name.namespace,
      runtime: this.name.id,
      isUp: this.#failures < this.#deps.settings.unreachableAfter && this.#record?.state !== 'UNREACHABLE',
      lastSuccessAtMs: this.#lastSuccessAtMs ?? this.#record?.registeredAtMs,
      behind: behindOf(this.#topics.values()),
      isOver: this.#isOver,
    })
  }

  #trouble(what: string, error?: unknown): void {
    const nowMs = this.#deps.nowMs()
    if (nowMs - this.#troubleAtMs < troubleEveryMs) return
    this.#troubleAtMs = nowMs
    this.#deps.onTrouble(this.name, what, error)
  }

  async #pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#isStopped) this.#wake()
    })
    this.#wake = undefined
  }
}

const fieldOf = (...parts: string[]) => JSON.stringify(parts)

/** 0.5 s, 1 s, 2 s, ... 30 s, each within a fifth. */
function backoff(failures: number): number {
  return jittered(Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures - 1, 10)), 0.2)
}

function jittered(ms: number, share: number): number {
  return ms * (1 + share * (Math.random() * 2 - 1))
}

/** The word for a poll that has brought something, or at least an answer. */
function outcomeOf(failure: Fetched['failure'], count: number): string {
  if (failure === undefined) return count === 0 ? 'empty' : 'ok'
  return failure === 'too_large' ? failure : 'partial'
}

function withOversized(
  topics: readonly TopicNews[],
  cutIn: { readonly topic: string; readonly messageId: unknown },
): TopicNews[] {
  const raw = { messageId: cutIn.messageId, publishedAt: undefined, text: undefined, isTooDeep: false }
  return topics.map((each) =>
    each.topic === cutIn.topic ? { ...each, taken: [{ messageId: String(cutIn.messageId), raw }], isFull: true } : each,
  )
}

function behindOf(topics: Iterable<TopicState>): Map<string, number> {
  const behind = new Map<string, number>()
  for (const { topic, latest, committed } of topics) {
    const isOfOldEpoch = latest !== null && committed !== null && latest.slice(0, 13) > committed.slice(0, 13)
    const count = Math.max(0, numberOf(latest) - (isOfOldEpoch ? 0 : numberOf(committed)))
    behind.set(kindOf(topic), (behind.get(kindOf(topic)) ?? 0) + count)
  }
  return behind
}

function causeOf(record: RuntimeRecord | undefined, fetched: Fetched): string {
  const notice = record?.dead
  if (notice === undefined) return 'the runtime says that it has ended, and its end was not fetched'
  const code = notice.exitCode === undefined ? '' : ` with exit code ${notice.exitCode}`
  const message = notice.message === undefined ? '' : `: ${notice.message}`
  return `the process ended${code}${message}; the rest of its messages could not be fetched (${fetched.reason})`
}

/** The failure of a run whose process is gone. */
function terminated(run: RunContext, cause: string, position: string, nowMs: number, parse: ParseReport): Report {
  const type = run.program?.type.toLowerCase()
  const parsed = parse(
    {
      namespace: run.namespace,
      jobId: run.runtimeId,
      execId: run.runtimeId,
      scope: 'job',
      ...(type === undefined || type === '' ? {} : { taskType: type }),
      reportedAt: nowMs,
      status: 'failed',
      engine: { instance: run.runtimeId, engineType: run.engineType, ...(run.epoch === '' ? {} : { incarnation: run.epoch }) },
      error: { code: 'RUNTIME_TERMINATED', message: cause },
    },
    nowMs,
  )
  if (!parsed.isValid) throw new ScopeError('INTERNAL', parsed.rejection.message)
  const fetched = { runtimeId: run.runtimeId, log: 'program.status', position, isNote: false, hasAttempt: true }
  return { ...parsed.report, fetched }
}

function entryOf(run: RunContext, report: Report, nowMs: number): StatusEntry {
  const { namespace, runtimeId } = run
  const unknown = { namespace, application: '', version: '', type: '', program: '', run: runtimeId }
  const message = report.error?.message
  return {
    programRunId: run.program ?? unknown,
    programStatus: 'FAILED',
    status: 'failed',
    time: nowMs,
    error: { code: 'RUNTIME_TERMINATED', ...(message === undefined ? {} : { message }) },
  }
}
