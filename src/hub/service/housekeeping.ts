import type { Reporter } from '../../reporter/index.ts'
import { type HubLog, logTrouble } from '../log.ts'
import type { AgentCheck } from '../registry/agent-check.ts'
import type { LostMember } from '../registry/redis/redis-registry.ts'
import type { Registry } from '../registry/registry.ts'
import type { HubQueries, UnheldEnd } from '../store/hub-queries.ts'
import type { HubStore } from '../store/hub-store.ts'
import { reportEnd, reportProcess } from './process-report.ts'
import type { SeriesHolder } from './series-holder.ts'

export type HousekeepingParts = {
  readonly store: HubStore
  readonly queries: HubQueries
  readonly registry: Registry & { readonly sweep?: () => Promise<readonly LostMember[]> }
  readonly check: AgentCheck
  readonly holder: SeriesHolder
  readonly log: HubLog
}

const everyMs = 1_000
const sweptMax = 500
const endsMax = 200

/** Once a second: ends what nobody took over, removes what is old, reports ends that no dispatcher reports, looks at members. */
export class Housekeeping {
  readonly #parts: HousekeepingParts
  #reporter: Reporter | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isBusy = false
  #isTroubled = false
  /** Processes that waited when it was last looked. */
  queueLength = 0

  constructor(parts: HousekeepingParts) {
    this.#parts = parts
  }

  start(reporter: Reporter): void {
    this.#reporter = reporter
    this.#timer = setInterval(() => this.look(), everyMs)
    this.look()
  }

  /** Looks now, unless it is at it. */
  look(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    this.#running = this.#once().finally(() => {
      this.#isBusy = false
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async #once(): Promise<void> {
    const { store, queries, registry, check, holder, log } = this.#parts
    try {
      await holder.holds()
      await store.sweep(sweptMax)
      for (const end of await queries.takeEnds(endsMax)) this.#report(end)
      this.queueLength = (await queries.queue(1)).length
      for (const { member, state } of (await registry.sweep?.()) ?? []) {
        log.warn({ kind: member.kind, id: member.id, url: member.url }, `a member is ${state}`)
      }
      check.look(await registry.list('agent'), performance.now())
      if (this.#isTroubled) log.info({}, 'the store answers again')
      this.#isTroubled = false
    } catch (error) {
      // Redis is away: every part of this is done at the next look.
      if (!this.#isTroubled) logTrouble(log, 'warn', error, 'the store does not answer; nothing is swept until it does')
      this.#isTroubled = true
    }
  }

  #report({ view, flowName, errors }: UnheldEnd): void {
    if (this.#reporter === undefined || view.outcome === null) return
    const { key, attempt, adhoc, outcome, nodes } = view
    if (errors[0]?.code === 'RECORD_UNREADABLE') {
      this.#parts.log.error({ process: key, says: errors[0].message }, 'a process was set aside')
    }
    const task = reportProcess(this.#reporter, { key, attempt, flowName, isAdhoc: adhoc }, 'running')
    task.log(outcome === 'CANCELLED' ? 'INFO' : 'ERROR', errors[0]?.message ?? outcome, { process: key })
    reportEnd(
      task,
      outcome,
      errors[0],
      Object.entries(nodes).map(([id, { status }]) => [id, status] as const),
    )
  }
}
