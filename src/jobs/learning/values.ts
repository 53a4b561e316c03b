import { type LearningField, stateKey } from '../../catalogue/index.ts'
import { cleanText } from '../../report/text.ts'

type Shape<K extends LearningField['kind']> = Extract<LearningField, { readonly kind: K }>

/** Told of what a value holds that is left out. */
export type ValueNotes = { ignored(): void; overflowed(): void }

const noNotes: ValueNotes = { ignored: () => undefined, overflowed: () => undefined }

const classesMax = 20
const scoresMax = 8
const featuresMax = 32
const nameLengthMax = 100
const formatLengthMax = 64

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A finite JSON number, not negative unless the field may be. */
export function numberOf(value: unknown, isSigned = false): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && (isSigned || value >= 0) ? value : undefined
}

const byKey = new WeakMap<object, ReadonlyMap<string, string>>()

function wordsByKey(shape: Shape<'word'>): ReadonlyMap<string, string> {
  let words = byKey.get(shape)
  if (words === undefined) {
    const synonyms = Object.entries(shape.synonyms ?? {})
    words = new Map(
      [...shape.words.map((word): [string, string] => [word, word]), ...synonyms].map(([key, word]) => [stateKey(key), word]),
    )
    byKey.set(shape, words)
  }
  return words
}

/** The word of the set that a text names. */
export function wordOf(shape: LearningField | undefined, value: unknown): string | undefined {
  return shape?.kind === 'word' && typeof value === 'string' ? wordsByKey(shape).get(stateKey(value)) : undefined
}

export type ModelUrl = { readonly url: string; readonly format: string }

/** Addresses have lost their secrets at the door already. */
export function urlOf(value: unknown): ModelUrl | undefined {
  if (typeof value === 'string') return value === '' ? undefined : { url: value, format: '' }
  if (!isObject(value) || typeof value['url'] !== 'string' || value['url'] === '') return undefined
  const format = value['format']
  return { url: value['url'], format: typeof format === 'string' ? cleanText(format).slice(0, formatLengthMax) : '' }
}

/** Ratios of one score: `all` first, then its classes. */
export type Score = readonly (readonly [className: string, ratio: number])[]

/** Scores by name, each a ratio; percent become ratios. Undefined when none is left. */
function scoresOf(value: unknown, notes: ValueNotes = noNotes): Record<string, Score> | undefined {
  if (!isObject(value)) return undefined
  const scores: Record<string, Score> = Object.create(null)
  for (const [name, given] of Object.entries(value)) {
    const metric = scoreName(name)
    const score = metric === '' ? undefined : scoreOf(given, notes)
    if (score === undefined) notes.ignored()
    else if (Object.keys(scores).length >= scoresMax && !(metric in scores)) notes.overflowed()
    else scores[metric] = score
  }
  return Object.keys(scores).length === 0 ? undefined : { ...scores }
}

const scoreNames = new Map([
  ['map', 'map'],
  ['f1', 'f1'],
  ['f1score', 'f1'],
])

/** `mAP`, `F1-score`, `precision@0.5` → `map`, `f1`, `precision_0_5`. */
function scoreName(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
  return (scoreNames.get(slug.replaceAll('_', '')) ?? slug).slice(0, nameLengthMax)
}

function scoreOf(given: unknown, notes: ValueNotes): Score | undefined {
  const number = numberOf(given)
  const classes = number === undefined ? classesOf(given, notes) : [['all', number] as const]
  if (classes === undefined || classes.length === 0) return undefined
  const largest = Math.max(...classes.map(([, value]) => value))
  if (largest > 100) return undefined
  const scale = largest > 1 ? 100 : 1
  const ratios = classes.map(([name, value]) => [name, rounded(value / scale)] as const)
  if (number !== undefined) return ratios
  const mean = rounded(ratios.reduce((sum, [, ratio]) => sum + ratio, 0) / ratios.length)
  for (let i = classesMax; i < ratios.length; i++) notes.overflowed()
  return [['all', mean], ...ratios.slice(0, classesMax)]
}

/** Without the dust of binary fractions: 0.58, not 0.5800000000000001. */
const rounded = (value: number) => Math.round(value * 1e12) / 1e12

function classesOf(given: unknown, notes: ValueNotes): (readonly [string, number])[] | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const entries = Object.entries(given)
  const named = Array.isArray(given) ? entries : entries.filter(([name]) => name !== 'all' || entries.length === 1)
  return named.flatMap(([name, value]) => {
    const number = numberOf(value)
    if (number === undefined) notes.ignored()
    return number === undefined ? [] : [[cleanText(name).slice(0, nameLengthMax), number] as const]
  })
}

/** `upTo`: how many observations were up to each bound. */
export type CumulativeHistogram = {
  readonly count: number
  readonly sum: number
  readonly upTo: readonly { readonly bound: number; readonly count: number }[]
}

/** Bounds that are left out take the value of the next lower one; those that are not kept are left out. */
export function histogramOf(
  shape: Shape<'histogram'>,
  value: unknown,
  notes: ValueNotes = noNotes,
): CumulativeHistogram | undefined {
  if (!isObject(value)) return undefined
  const count = numberOf(value['count'])
  const sum = numberOf(value['sum'])
  const buckets = value['buckets'] ?? {}
  if (count === undefined || sum === undefined || !isObject(buckets)) return undefined
  const given = givenBounds(shape, buckets, notes)
  let last = 0
  const upTo: { bound: number; count: number }[] = []
  for (const bound of shape.buckets) {
    const reached = given.get(bound) ?? last
    if (reached < last || reached > count) return undefined
    upTo.push({ bound, count: reached })
    last = reached
  }
  return { count, sum, upTo }
}

function givenBounds(shape: Shape<'histogram'>, buckets: Record<string, unknown>, notes: ValueNotes): Map<number, number> {
  const given = new Map<number, number>()
  for (const [text, value] of Object.entries(buckets)) {
    const number = numberOf(value)
    if (number !== undefined && shape.buckets.includes(Number(text))) given.set(Number(text), number)
    else if (text !== '+Inf') notes.ignored()
  }
  return given
}

export type Drift = { readonly feature: string; readonly method: string; readonly score: number }

/** At most 32 features; undefined when none is left. */
export function driftOf(value: unknown, notes: ValueNotes = noNotes): readonly Drift[] | undefined {
  const found = new Map<string, Drift>()
  for (const item of driftItems(value)) {
    const drift = oneDrift(item)
    if (drift === undefined) notes.ignored()
    else addDrift(found, drift, notes)
  }
  return found.size === 0 ? undefined : [...found.values()]
}

function driftItems(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return isObject(value) ? Object.entries(value).map(([feature, score]) => ({ feature, score })) : []
}

function addDrift(found: Map<string, Drift>, drift: Drift, notes: ValueNotes): void {
  const key = `${drift.feature}\n${drift.method}`
  if (found.size >= featuresMax && !found.has(key)) notes.overflowed()
  else found.set(key, drift)
}

function oneDrift(item: unknown): Drift | undefined {
  if (!isObject(item)) return undefined
  const { feature, method, score } = item
  const number = numberOf(score, true)
  if (typeof feature !== 'string' || feature === '' || number === undefined) return undefined
  const text = (given: unknown) => (typeof given === 'string' ? cleanText(given).slice(0, nameLengthMax) : '')
  return { feature: text(feature), method: text(method), score: number }
}

/** Each name once, at most as many as the field may have; an empty list is a list. */
function namesOf(shape: Shape<'names'>, value: unknown, notes: ValueNotes = noNotes): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const names = new Set<string>()
  for (const item of value) {
    const name = typeof item === 'string' ? cleanText(item).slice(0, nameLengthMax) : ''
    if (name === '') notes.ignored()
    else if (names.size >= shape.namesMax && !names.has(name)) notes.overflowed()
    else names.add(name)
  }
  return [...names]
}

/** What a field says, in the form in which rules and series use it; undefined when it does not fit. */
export function readValue(shape: LearningField, value: unknown, notes: ValueNotes = noNotes): unknown {
  switch (shape.kind) {
    case 'number':
      return numberOf(value, shape.isSigned)
    case 'counter':
    case 'iteration':
      return numberOf(value)
    case 'word':
      return wordOf(shape, value)
    case 'url':
      return urlOf(value)
    case 'scores':
      return scoresOf(value, notes)
    case 'drift':
      return driftOf(value, notes)
    case 'histogram':
      return histogramOf(shape, value, notes)
    case 'names':
      return namesOf(shape, value, notes)
    default:
      return shape satisfies never
  }
}
