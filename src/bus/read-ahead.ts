import type { ScopeEvent } from '../jobs/records.ts'
import { isAfter } from './events.ts'

/** Grows with what a record holds; compared from the left. */
type Order = readonly number[]

/** Records read together, and the newest entry of the stream after that: what comes later is newer than they are. */
type Generation = { readonly until: string; readonly orders: ReadonlyMap<string, Order> }

/**
 * Remembers records that were read as newer than the place in the stream they were read for. An own commit that lies
 * between is older than what was shown: its events would take a counter back, and are passed over.
 */
export class ReadAhead {
  #generations: Generation[] = []

  /** @param position reached in the stream. @param until newest entry after the records were read */
  note(events: readonly ScopeEvent[], position: string, until: string): void {
    this.#forget(position)
    if (!isAfter(until, position)) return
    const named = events.map(nameAndOrder).filter((pair): pair is [string, Order] => pair[1] !== undefined)
    if (named.length > 0) this.#generations.push({ until, orders: new Map(named) })
  }

  /** The events of an own commit that are news. */
  newsOf(id: string, events: readonly ScopeEvent[]): readonly ScopeEvent[] {
    this.#generations = this.#generations.filter(({ until }) => !isAfter(id, until))
    if (this.#generations.length === 0) return events
    return events.filter((event) => {
      const [name, order] = nameAndOrder(event)
      return order === undefined || !this.#generations.some(({ orders }) => isLess(order, orders.get(name) ?? []))
    })
  }

  /** What lies before the place that was reached is no longer of use. */
  #forget(position: string): void {
    this.#generations = this.#generations.filter(({ until }) => isAfter(until, position))
  }
}

/** Ends have no order: they are passed on. */
function nameAndOrder(event: ScopeEvent): [name: string, order: Order | undefined] {
  switch (event.kind) {
    case 'task': {
      const { namespace, jobId, task, engine, attempt, firstArrivalAtMs, applied } = event.record
      return [JSON.stringify([namespace, jobId, task, engine.instance]), [attempt, firstArrivalAtMs, applied]]
    }
    case 'job': {
      const { namespace, jobId, lastReportAtMs, tailNo } = event.record
      return [JSON.stringify([namespace, jobId]), [lastReportAtMs, tailNo]]
    }
    case 'engine':
      return [event.record.instance, [event.record.lastReportAtMs, event.record.countsStampUs]]
    default:
      return ['', undefined]
  }
}

function isLess(a: Order, b: Order): boolean {
  const at = b.findIndex((value, i) => value !== a[i])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}
