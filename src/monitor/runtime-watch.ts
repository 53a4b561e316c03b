/** Follows one runtime while its lease is held: fetch, commit, wait, until it has ended. */
import type { Lease } from '../bus/lease.ts'
import { Pause } from '../pause.ts'
import { backoff, backoffMsMin, jittered } from './backoff.ts'
import type { Batch } from './batch.ts'
import type { Caller, Fetched } from './fetcher.ts'
import { FollowedRun } from './followed-run.ts'
import { PollHealth } from './poll-health.ts'
import { newsOf, type PollNews } from './poll-news.ts'
import { applyTermination, causeOf } from './run-termination.ts'
import { RuntimeCommits } from './runtime-commits.ts'
import type { RuntimeName, RuntimeRecord } from './runtime-record.ts'
import type { CommitAnswer } from './runtime-store.ts'
import { viewOf } from './runtime-view.ts'
import { kindOf } from './topics.ts'
import type { WatchDeps } from './watch-deps.ts'

/** What was fetched and is not committed yet. */
type Pending = { readonly batch: Batch; readonly isEnd: boolean; readonly isFull: boolean; readonly isEmpty: boolean }

const triesOfDead = 3

export class RuntimeWatch {
  readonly name: RuntimeName
  readonly #deps: WatchDeps
  readonly #lease: Lease
  readonly #followed: FollowedRun
  readonly #health: PollHealth
  readonly #commits: RuntimeCommits
  #pending: Pending | undefined
  #storeFailures = 0
  readonly #stopping = new AbortController()
  #isStopped = false
  #isBusy = false
  #isOver = false
  readonly #pause = new Pause()
  #loop: Promise<void> | undefined

  constructor(name: RuntimeName, lease: Lease, deps: WatchDeps) {
    this.name = name
    this.#lease = lease
    this.#deps = deps
    this.#followed = new FollowedRun(name, deps)
    this.#health = new PollHealth(name, deps)
    this.#commits = new RuntimeCommits(deps, lease, this.#followed, this.#health, () => this.#show())
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
    this.#pause.end()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stopping.abort()
    this.wake()
    await this.#loop
    await this.#commits.close()
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped && !this.#isOver && this.#lease.isHeld) {
      this.#isBusy = true
      const delayMs = await this.#turn()
      this.#isBusy = false
      if (delayMs > 0 && !this.#isOver && !this.#isStopped) await this.#pause.wait(delayMs)
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
      this.#health.tell('its messages could not be committed; the same ones are tried again', error)
      return backoff(this.#storeFailures)
    }
  }

  /** Reads what others have changed. @returns false when there is nothing to follow any more */
  async #refresh(): Promise<boolean> {
    const { store, nowMs, settings } = this.#deps
    const revision = await store.revisionOf(this.name)
    if (this.#followed.isAt(revision)) return true
    const record = await store.load(this.name)
    if (record === undefined || record.state === 'ENDED') {
      if (record !== undefined) await store.retire(this.name, (record.endedAtMs ?? nowMs()) + settings.retentionMs)
      this.#isOver = true
      return false
    }
    const known = this.#followed.record
    if (known === undefined) this.#health.load(record.poll)
    if (record.dead !== undefined && known?.dead === undefined) this.#health.noteDeath()
    // Deleted and entered again meanwhile: what was fetched is of the runtime as it was before.
    if (known !== undefined && known.born !== record.born) this.#pending = undefined
    this.#followed.load(record, revision)
    if (!record.isEnding) return true
    await this.#finish('')
    return false
  }

  async #poll(): Promise<'taken' | 'failed'> {
    const { fetcher, slots, nowMs } = this.#deps
    const { spec, stop } = this.#followed.record as RuntimeRecord
    if (stop !== undefined && stop.sentAtMs === undefined) {
      const { isDone, says } = await slots.run(() => fetcher.tell(spec, this.#caller, 'kill'))
      this.#commits.noteStop({ ...stop, says, ...(isDone ? { sentAtMs: nowMs() } : {}) })
    }
    const { isAnyHungry } = this.#followed
    const asked = this.#followed.asked()
    const fetched = await slots.run(() => fetcher.fetch(spec, this.#caller, asked, this.#stopping.signal, isAnyHungry))
    if (this.#isStopped) return 'failed'
    this.#health.polled()
    this.#followed.noteHungry(fetched.hungry ?? [])
    return this.#take(fetched)
  }

  get #caller(): Caller {
    return { id: this.#deps.monitorId, leaseEpoch: this.#lease.fence }
  }

  async #take(fetched: Fetched): Promise<'taken' | 'failed'> {
    const found = newsOf(fetched, this.#followed, this.#deps.settings.reset)
    if ('failed' in found) return this.#failed(found.failed)
    this.#commits.countPoll(found.outcome)
    this.#health.succeeded(found.problem)
    this.#accept(found)
    return 'taken'
  }

  /** Makes what was fetched ready to be committed. */
  #accept({ news, isEmpty, isFull: isMore }: PollNews): void {
    const { topics, absent, epoch, isNewEpoch } = news
    const { hasRoomForLines, nowMs } = this.#deps
    this.#followed.enterEpoch(epoch, isNewEpoch)
    // Without room for them lines stay where they are; nothing else waits for that.
    const used = hasRoomForLines() ? topics : topics.filter(({ topic }) => kindOf(topic) !== 'logs')
    const free = this.#followed.held.holdBack(used, this.#followed.run.statuses, nowMs())
    const isFull = used.length === topics.length && isMore
    this.#pending = { batch: this.#followed.batchOf(free, absent, isNewEpoch), isEnd: false, isFull, isEmpty }
  }

  /** Commits what is pending, then looks whether the run is over. @returns how long to wait */
  async #settle(): Promise<number> {
    const { settings, nowMs } = this.#deps
    const pending = this.#pending
    if (pending === undefined) return settings.intervalMs
    if (!(await this.#commit(pending.batch, pending.isEnd))) return 0
    this.#pending = undefined
    if (pending.isEnd) return this.#finish('')
    const { held } = this.#followed
    if (held.isDue(nowMs(), pending.isEmpty, pending.isFull || this.#followed.hasMore)) return this.#end()
    if (pending.isFull) return 0
    const lookMs = (held.nextLookMs ?? Number.POSITIVE_INFINITY) - nowMs()
    const intervalMs = jittered(settings.intervalMs, 0.1)
    return lookMs > 0 ? Math.min(intervalMs, lookMs + 1) : intervalMs
  }

  /** @returns false when the lease is lost, or the runtime is gone */
  async #commit(batch: Batch, isEnd: boolean): Promise<boolean> {
    return this.#isOurs(await this.#commits.commit(batch, isEnd))
  }

  /** What another has got, or changed, is left to it. */
  #isOurs(answer: CommitAnswer): boolean {
    if (answer === 'ok') return true
    this.#commits.countPoll('fenced')
    this.#deps.onTrouble(this.name, `what was fetched is left to others: ${answer}`)
    this.#pending = undefined
    this.#followed.forget()
    if (answer !== 'conflict') this.#isOver = true
    return false
  }

  /** The end that was held back is committed, last of all. */
  async #end(): Promise<number> {
    const batch = this.#followed.batchOf(this.#followed.held.asNews(), [], false)
    this.#pending = { batch, isEnd: true, isFull: false, isEmpty: false }
    return this.#settle()
  }

  /** Says good-bye to the runtime, and forgets how far it was read. */
  async #finish(detail: string): Promise<number> {
    const { store, fetcher, slots, nowMs, settings } = this.#deps
    const { spec } = this.#followed.record as RuntimeRecord
    if (detail === '') {
      const goodbye = await slots.run(() => fetcher.tell(spec, this.#caller, 'shutdown'))
      if (!goodbye.isDone) await slots.run(() => fetcher.tell(spec, this.#caller, 'kill'))
    }
    await store.finish(this.name, this.#followed.title(this.#lease), nowMs(), settings.retentionMs, detail)
    this.#isOver = true
    this.#show()
    return 0
  }

  async #failed(fetched: Fetched): Promise<'failed'> {
    const outcome = fetched.failure ?? 'invalid'
    this.#commits.countPoll(outcome)
    this.#health.failed(fetched, outcome)
    const { record, held } = this.#followed
    const isGone = record?.dead !== undefined || fetched.status === 410
    if (isGone && this.#health.failuresSinceNotice >= triesOfDead) await this.#terminate(fetched)
    // The runtime went away before it was told to: its end is known all the same.
    else if (held.isDue(this.#deps.nowMs(), false, false)) await this.#end()
    else {
      const state = this.#health.isUnreachable ? 'UNREACHABLE' : (record?.state ?? 'ACTIVE')
      this.#isOurs(await this.#commits.commitState(state))
    }
    return 'failed'
  }

  #delayAfterFailure(): number {
    if (this.#isOver) return 0
    return this.#followed.record?.dead === undefined ? this.#health.delayMs : backoffMsMin
  }

  /** The process is gone and nothing more can be fetched: the run has ended, as it had said itself or with the cause. */
  async #terminate(fetched: Fetched): Promise<void> {
    const { run, held, record } = this.#followed
    const cause = causeOf(record, fetched)
    if (held.isHolding) {
      if (!(await this.#commit(this.#followed.batchOf(held.asNews(), [], false), true))) return
    } else {
      if (!this.#lease.isHeld) return
      await applyTermination(run, cause, this.#deps)
    }
    await this.#finish(cause)
  }

  #show(): void {
    if (!this.#isStopped) this.#deps.onView(this.name, viewOf(this.#followed, this.#health, this.#isOver))
  }
}
