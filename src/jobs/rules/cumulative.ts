/** Values that only grow are merged, never replaced: so the order in which reports arrive cannot change totals. */
import type { Cumulative } from '../records.ts'

const incarnationsMax = 8

/**
 * Takes one reading of an incarnation into the total.
 *
 * Without a named incarnation (`''`) a fall means that the source began anew, but only when the reading is the newest one.
 * @param isNewest false for late and stale reports, which may be lower than what is known.
 * @param restarts whether the source began anew, where something else than this reading tells
 */
export function accumulate(
  known: Cumulative | undefined,
  incarnation: string,
  reading: number,
  isNewest: boolean,
  restarts?: boolean,
): Cumulative {
  if (known === undefined) return { base: 0, per: [[incarnation, reading]] }
  const at = known.per.findIndex(([name]) => name === incarnation)
  const max = known.per[at]?.[1]
  if (max === undefined) {
    // One that was folded away may come back late: it is in the base already.
    if (!isNewest && known.per.length >= incarnationsMax) return known
    return folded({ base: known.base, per: [...known.per, [incarnation, reading]] })
  }
  if (restarts === true) return { base: known.base + max, per: known.per.with(at, [incarnation, reading]) }
  if (reading === max) return known
  if (reading > max) return { base: known.base, per: known.per.with(at, [incarnation, reading]) }
  const isRestart = restarts === undefined && incarnation === '' && isNewest
  return isRestart ? { base: known.base + max, per: known.per.with(at, [incarnation, reading]) } : known
}

/** Whether this reading shows that a source without a named incarnation began anew. */
export function isFall(known: Cumulative | undefined, incarnation: string, reading: number): boolean {
  if (known === undefined || incarnation !== '') return false
  const max = known.per.find(([name]) => name === incarnation)?.[1]
  return max !== undefined && reading < max
}

/** Readings taken before the source named its incarnation belong to the one it then names; `#3` are those of an iteration. */
export function adopted(known: Cumulative | undefined, incarnation: string): Cumulative | undefined {
  const isUnnamed = (name: string) => name === '' || name.startsWith('#')
  if (known === undefined || !known.per.some(([name]) => isUnnamed(name))) return known
  return { base: known.base, per: known.per.map(([name, max]) => [isUnnamed(name) ? `${incarnation}${name}` : name, max]) }
}

function folded(value: Cumulative): Cumulative {
  if (value.per.length <= incarnationsMax) return value
  const [oldest, ...rest] = value.per
  return { base: value.base + (oldest?.[1] ?? 0), per: rest }
}
