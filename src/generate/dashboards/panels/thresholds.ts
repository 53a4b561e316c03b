import { colours } from '../colours.ts'
import type { Thresholds } from '../model.ts'

/** Green until one value, then worse. */
export function rising(warning: number, bad?: number): Thresholds {
  const first = [
    { from: null, colour: colours.good },
    { from: warning, colour: colours.warning },
  ]
  return bad === undefined ? first : [...first, { from: bad, colour: colours.bad }]
}

/** Bad below one value, so-so up to another, good above. */
function falling(bad: number, good: number): Thresholds {
  return [
    { from: null, colour: colours.bad },
    { from: bad, colour: colours.warning },
    { from: good, colour: colours.good },
  ]
}

/** Anything above nothing is of that colour. */
export function anyIs(colour: string): Thresholds {
  return [
    { from: null, colour: colours.good },
    { from: 0.000001, colour },
  ]
}

/** One line at a value that should not be passed. */
export function line(at: number): Thresholds {
  return [
    { from: null, colour: colours.good },
    { from: at, colour: colours.bad },
  ]
}

/** How old a report may be: beyond these the engine counts as suspect, then as lost. */
export const reportAge = rising(15, 60)

/** A share of attempts that succeeded. */
export const successShare = falling(0.95, 0.99)

/** A share of what there is room for. */
export const fullness = rising(0.8, 0.95)
