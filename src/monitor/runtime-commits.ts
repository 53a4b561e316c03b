/** Brings what a watch has fetched and found out into the store: reports and statuses first, offsets and facts after. */
import type { Lease } from '../bus/lease.ts'
import type { Report } from '../report/report.ts'
import type { Batch } from './batch.ts'
import { applyBatch } from './batch-applier.ts'
import type { FollowedRun } from './followed-run.ts'
import { PollCounts } from './poll-counts.ts'
import type { PollHealth } from './poll-health.ts'
import type { RuntimeState, StopWish } from './runtime-record.ts'
import type { CommitAnswer, Facts } from './runtime-store.ts'
import type { WatchDeps } from './watch-deps.ts'

const persistEveryMs = 5_000

export class RuntimeCommits {
  readonly #deps: WatchDeps
  readonly #lease: Lease
  readonly #followed: FollowedRun
  readonly #health: PollHealth
  readonly #show: () => void
  #facts: Facts = {}
  readonly #polls = new PollCounts()
  #persistedAtMs = 0
  #beatAtMs = Number.NEGATIVE_INFINITY

  /** @param show told when what the series show may have changed */
  constructor(deps: WatchDeps, lease: Lease, followed: FollowedRun, health: PollHealth, show: () => void) {
    this.#deps = deps
    this.#lease = lease
    this.#followed = followed
    this.#health = health
    this.#show = show
  }

  /** Counts a poll with the next commit. */
  countPoll(outcome: string): void {
    this.#polls.count(fieldOf('runtimePolls', outcome))
  }

  /** Stores with the next commit what became of the wish to stop. */
  noteStop(stop: StopWish): void {
    this.#followed.note({ stop })
    this.#facts = { ...this.#facts, stop }
  }

  /** @returns `ok` also when there was nothing worth writing */
  async commit(batch: Batch, isEnd: boolean): Promise<CommitAnswer> {
    const { log, apply } = this.#deps
    const { name, held } = this.#followed
    const applied = await applyBatch(batch, this.#beat(), apply, () => this.#lease.isHeld)
    await log.append(name.namespace, name.id, applied.entries)
    const totals = totalsOf(applied.counts, batch.resets)
    const state: RuntimeState = held.isHolding ? 'FINISHING' : 'ACTIVE'
    const isNews = isEnd || totals.size > 0 || this.#followed.isMovedBy(batch)
    this.#show()
    if (!isNews && !this.#isDue(state)) return 'ok'
    const answer = await this.#write({ ...batch, refused: applied.refused }, { state, isEnding: isEnd }, totals)
    if (answer !== 'ok') return answer
    this.#persistedAtMs = this.#deps.nowMs()
    this.#followed.moveBy(batch, state)
    this.#show()
    return answer
  }

  /** Writes how the runtime stands, without any messages. */
  async commitState(state: RuntimeState): Promise<CommitAnswer> {
    const answer = await this.#write(undefined, { state }, new Map())
    if (answer !== 'ok') return answer
    this.#followed.note({ state })
    this.#show()
    return answer
  }

  /** Counts what was not committed any more. */
  async close(): Promise<void> {
    const rest = this.#polls.rest()
    if (rest.size > 0) await this.#deps.store.addTotals(this.#followed.name, rest).catch(() => undefined)
  }

  async #write(batch: Batch | undefined, more: Facts, totals: ReadonlyMap<string, number>): Promise<CommitAnswer> {
    const { name, title } = this.#followed
    const facts = { ...this.#facts, ...more, poll: this.#health.facts() }
    let answer: CommitAnswer | undefined
    try {
      answer = await this.#deps.store.commit(name, title(this.#lease), batch, facts, totals, this.#polls.take())
    } finally {
      this.#polls.settle(answer === undefined ? undefined : answer === 'ok' ? 'written' : 'refused')
    }
    if (answer === 'ok') this.#facts = {}
    return answer
  }

  #isDue(state: RuntimeState): boolean {
    const isOld = this.#deps.nowMs() - this.#persistedAtMs >= persistEveryMs
    return isOld || state !== this.#followed.record?.state || this.#facts.stop !== undefined
  }

  /** A runtime that answers is an engine that lives. */
  #beat(): Report[] {
    const { run } = this.#followed
    const nowMs = this.#deps.nowMs()
    if (nowMs - this.#beatAtMs < this.#deps.settings.beatMs) return []
    const engine = { instance: run.runtimeId, engineType: run.engineType, incarnation: run.epoch }
    const parsed = this.#deps.parse({ namespace: run.namespace, engine }, nowMs)
    if (!parsed.isValid) return []
    this.#beatAtMs = nowMs
    return [parsed.report]
  }
}

const fieldOf = (...parts: string[]) => JSON.stringify(parts)

function totalsOf(counts: ReadonlyMap<string, number>, resets: ReadonlyMap<string, number>): Map<string, number> {
  const totals = new Map<string, number>()
  for (const [key, by] of counts) totals.set(fieldOf('runtimeMessages', ...(JSON.parse(key) as string[])), by)
  for (const [reason, by] of resets) totals.set(fieldOf('runtimeResets', reason), by)
  return totals
}
