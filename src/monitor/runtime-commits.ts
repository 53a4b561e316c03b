/** Brings what a watch has fetched and found out into the store: reports and statuses first, offsets and facts after. */
import type { Lease } from '../bus/lease.ts'
import type { Report } from '../report/report.ts'
import type { Batch } from './batch.ts'
import { applyBatch } from './batch-applier.ts'
import type { FollowedRun } from './followed-run.ts'
import type { PollHealth } from './poll-health.ts'
import type { CommitAnswer, Facts, RuntimeState, StopWish } from './runtime-store.ts'
import type { WatchDeps } from './watch-deps.ts'

const persistEveryMs = 5_000

export class RuntimeCommits {
  readonly #deps: WatchDeps
  readonly #lease: Lease
  readonly #followed: FollowedRun
  readonly #health: PollHealth
  readonly #show: () => void
  #facts: Facts = {}
  #totals = new Map<string, number>()
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
    const field = fieldOf('runtimePolls', outcome)
    this.#totals.set(field, (this.#totals.get(field) ?? 0) + 1)
  }

  /** Stores with the next commit what became of the wish to stop. */
  noteStop(stop: StopWish): void {
    this.#followed.note({ stop })
    this.#facts = { ...this.#facts, stop }
  }

  /** @returns `ok` also when there was nothing worth writing */
  async commit(batch: Batch, isEnd: boolean): Promise<CommitAnswer> {
    const { store, log, apply } = this.#deps
    const { name, held } = this.#followed
    const applied = await applyBatch(batch, this.#beat(), apply, () => this.#lease.isHeld)
    await log.append(name.namespace, name.id, applied.entries)
    const totals = this.#totalsWith(applied.counts, batch.resets)
    const state: RuntimeState = held.isHolding ? 'FINISHING' : 'ACTIVE'
    const isNews = isEnd || totals.size > this.#totals.size || this.#followed.isMovedBy(batch)
    this.#show()
    if (!isNews && !this.#isDue(state)) return 'ok'
    const facts = { ...this.#facts, state, poll: this.#health.facts(), isEnding: isEnd }
    const answer = await store.commit(name, this.#lease.fence, { ...batch, refused: applied.refused }, facts, totals)
    if (answer !== 'ok') return answer
    this.#written()
    this.#persistedAtMs = this.#deps.nowMs()
    this.#followed.moveBy(batch, state)
    this.#show()
    return answer
  }

  /** Writes how the runtime stands, without any messages. */
  async commitState(state: RuntimeState): Promise<CommitAnswer> {
    const facts = { ...this.#facts, state, poll: this.#health.facts() }
    const answer = await this.#deps.store.commit(this.#followed.name, this.#lease.fence, undefined, facts, this.#totals)
    if (answer !== 'ok') return answer
    this.#written()
    this.#followed.note({ state })
    this.#show()
    return answer
  }

  /** Counts what was not committed any more. */
  async close(): Promise<void> {
    if (this.#totals.size > 0) await this.#deps.store.addTotals(this.#followed.name, this.#totals).catch(() => undefined)
  }

  #isDue(state: RuntimeState): boolean {
    const isOld = this.#deps.nowMs() - this.#persistedAtMs >= persistEveryMs
    return isOld || state !== this.#followed.record?.state || this.#facts.stop !== undefined
  }

  #totalsWith(counts: ReadonlyMap<string, number>, resets: ReadonlyMap<string, number>): Map<string, number> {
    const totals = new Map(this.#totals)
    for (const [key, by] of counts) totals.set(fieldOf('runtimeMessages', ...(JSON.parse(key) as string[])), by)
    for (const [reason, by] of resets) totals.set(fieldOf('runtimeResets', reason), by)
    return totals
  }

  #written(): void {
    this.#totals = new Map()
    this.#facts = {}
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
