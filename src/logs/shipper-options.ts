/** What a shipper is given, whom it tells, and its limits. */
import type { Keys } from '../jobs/keys.ts'
import type { Pusher } from './loki-client.ts'
import type { Store } from './outbox-scripts.ts'

/** What becomes of lines here. `dead_letters_trimmed`: dead letters that had to make room for newer ones. */
export type ShippedOutcome = 'shipped' | 'dead_lettered' | 'dead_letters_trimmed'

/** Told what happens, for series and the log. Never throws. */
export type ShipperObserver = {
  /** Lines of engines; those that the aggregator made itself are not counted. */
  lines(outcome: ShippedOutcome, count: number): void
  /** @param code status of the answer, `timeout` or `unreachable` */
  lokiRequest(code: string): void
  /** In all outboxes of this shipper. */
  outboxBytes(bytes: number): void
  /** Age of the oldest entry, 0 when there is none. */
  outboxAgeSeconds(seconds: number): void
  /** The readiness has changed. */
  changed?(readiness: ShipperReadiness): void
}

/**
 * Not ready: somebody has to act, by themselves the lines will not get through. Loki being away is no such case:
 * ready, with the reason.
 */
export type ShipperReadiness = { readonly ready: boolean; readonly reason?: string }

export type ShipperLimits = {
  /** Body of a push before compression. */
  readonly batchBytes: number
  /** Shortest time between two pushes that were not full. */
  readonly lingerMs: number
  /** How often an idle shard is looked at without a hint. */
  readonly pollMs: number
  readonly claimIdleMs: number
  /** First and longest wait after "not now". */
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** How often a wrong address, token or tenant is tried again. */
  readonly probeMs: number
  /** How long closing waits for the push under way. */
  readonly drainMs: number
  /** All dead letters together. */
  readonly deadLettersBytes: number
}

/** What holds where nothing else is said. */
export const shipperDefaults: ShipperLimits = {
  batchBytes: 1024 * 1024,
  lingerMs: 1_000,
  pollMs: 1_000,
  claimIdleMs: 30_000,
  backoffMinMs: 1_000,
  backoffMaxMs: 30_000,
  probeMs: 30_000,
  drainMs: 5_000,
  deadLettersBytes: 64 * 1024 * 1024,
}

export type ShipperOptions = {
  /** A connection of its own, with unlimited retry. */
  readonly store: Store
  readonly keys: Keys
  readonly loki: Pusher
  /** Name of the consumer: one per replica. */
  readonly replicaId: string
  readonly observer: ShipperObserver
  readonly limits?: Partial<ShipperLimits>
}
