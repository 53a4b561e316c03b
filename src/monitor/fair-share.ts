/** How runtimes are divided among monitors: each holds its share, rounded down or up. Pure. */
import { chosenHolder } from '../bus/rendezvous.ts'

/** What one monitor should hold. All shares together are exactly the number of runtimes. */
export function shareOf(monitor: string, monitors: readonly string[], runtimes: number): number {
  const sorted = [...monitors].sort()
  const rank = sorted.indexOf(monitor)
  if (rank < 0) return 0
  return Math.floor(runtimes / sorted.length) + (rank < runtimes % sorted.length ? 1 : 0)
}

export type Unowned = { readonly id: string; readonly home: string | undefined }

/**
 * Those that a monitor takes first: its own that come back to it, then those that belong to nobody who lives. Among equals the
 * hash tells, so that monitors that look at the same moment rarely want the same one.
 */
export function wanted(unowned: readonly Unowned[], monitor: string, monitors: readonly string[], room: number): Unowned[] {
  const rank = ({ id, home }: Unowned) => {
    if (home === monitor) return 0
    const isFree = home === undefined || !monitors.includes(home)
    return (isFree ? 1 : 3) + (chosenHolder(id, monitors) === monitor ? 0 : 1)
  }
  return [...unowned].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1)).slice(0, Math.max(0, room))
}

export type Held = { readonly id: string; readonly home: string | undefined; readonly isIdle: boolean }

/** Those that a monitor gives back first when it holds too many: of monitors that came back, then idle ones. */
export function givenBack(held: readonly Held[], monitor: string, monitors: readonly string[], surplus: number): Held[] {
  const rank = ({ home, isIdle }: Held) =>
    (home !== undefined && home !== monitor && monitors.includes(home) ? 0 : 2) + (isIdle ? 0 : 1)
  return [...held].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1)).slice(0, Math.max(0, surplus))
}
