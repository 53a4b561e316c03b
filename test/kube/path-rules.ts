/**
 * How kube-state-metrics finds its way in a resource and reads numbers, as far as our configuration needs it: a second telling of its
 * documented rules, so that the configuration can be tried with no cluster.
 */

/** A plain value of YAML or JSON. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain }

/** What lies at a path: `undefined` where the way ends early, also at an index beyond the list. */
export function valueAt(value: Plain | undefined, path: readonly string[]): Plain | undefined {
  return path.reduce<Plain | undefined>((at, part) => step(at, part), value)
}

function step(at: Plain | undefined, part: string): Plain | undefined {
  const lookup = /^\[([^=]+)=(.*)\]$/.exec(part)
  if (lookup !== null) return Array.isArray(at) ? firstWith(at, lookup[1] ?? '', lookup[2] ?? '') : undefined
  if (Array.isArray(at)) return /^[+-]?\d+$/.test(part) ? at.at(Number(part)) : undefined
  return isMap(at) && Object.hasOwn(at, part) ? at[part] : undefined
}

/** `undefined` and `null` are the same to kube-state-metrics: nothing. */
export function isNothing(value: Plain | undefined): value is null | undefined {
  return value === undefined || value === null
}

export function isMap(value: Plain | undefined): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function firstWith(list: readonly Plain[], key: string, wanted: string): Plain | undefined {
  return list.find((entry) => isMap(entry) && Object.hasOwn(entry, key) && isLike(entry[key], wanted))
}

function isLike(value: Plain | undefined, wanted: string): boolean {
  if (value === wanted) return true
  if (typeof value === 'boolean') return String(value) === wanted.toLowerCase()
  const number = numberFrom(wanted)
  return number !== undefined && number === numberFrom(value)
}

const suffixes: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
}

/** The number that a value stands for: true and yes are 1, RFC 3339 is seconds, then quantities, percent, plain numbers. */
export function numberFrom(value: Plain | undefined): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value !== 'string') return undefined
  if (/^(true|yes)$/i.test(value)) return 1
  if (/^(false|no|unknown)$/i.test(value)) return 0
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value)) return Math.floor(Date.parse(value) / 1000)
  const quantity = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([numkMGTPE]|[KMGTPE]i|%)?$/i.exec(value)
  if (quantity === null) return undefined
  const [, digits = '', suffix] = quantity
  if (suffix === undefined) return Number(digits)
  if (suffix === '%') return Number(digits) / 100
  const factor = suffixes[suffix]
  return factor === undefined ? undefined : Number(digits) * factor
}
