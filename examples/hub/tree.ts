/** Decision trees by information gain: Quinlan's ID3, and for columns of numbers the best threshold, as C4.5 has it. */

/** Undefined: the row has no such value. */
export type Value = string | number | undefined
export type Feature = { readonly name: string; readonly isNumeric: boolean; readonly values: readonly Value[] }

/** A leaf says its class; a branch goes by value, or by threshold. Rows whose value is not known take `otherwise`. */
export type Tree =
  | { readonly leaf: string }
  | { readonly feature: string; readonly atMost: number; readonly below: Tree; readonly above: Tree; readonly otherwise: string }
  | { readonly feature: string; readonly branches: Readonly<Record<string, Tree>>; readonly otherwise: string }

export type Growth = {
  readonly features: readonly Feature[]
  readonly classes: readonly string[]
  readonly depthMax: number
  /** A node with fewer rows is a leaf. */
  readonly rowsMin: number
  /** Told of each split, with the rows that it decides on. */
  readonly onSplit?: (text: string, rows: number) => void
  /** Told of the rows of each leaf. */
  readonly onLeaf?: (rows: number) => void
}

const gainMin = 1e-9

/** Bits needed to tell the class of a row. */
export function entropy(counts: Iterable<number>): number {
  const given = [...counts].filter((count) => count > 0)
  const total = given.reduce((sum, count) => sum + count, 0)
  return given.reduce((bits, count) => bits - (count / total) * Math.log2(count / total), 0)
}

/** Grows a tree on all rows. */
export function growTree(growth: Growth): Tree {
  return grow(growth, [...growth.classes.keys()], 0)
}

type Split = {
  readonly gain: number
  readonly feature: Feature
  readonly atMost: number | undefined
  readonly parts: Map<string, number[]>
}

function grow(growth: Growth, rows: readonly number[], depth: number): Tree {
  const counts = countsOf(growth.classes, rows)
  const otherwise = mostFrequent(counts)
  const split = counts.size < 2 || depth >= growth.depthMax || rows.length < growth.rowsMin ? undefined : bestSplit(growth, rows)
  if (split === undefined) {
    growth.onLeaf?.(rows.length)
    return { leaf: otherwise }
  }
  const { feature, atMost, parts } = split
  growth.onSplit?.(`split on ${feature.name}${atMost === undefined ? '' : ` at ${atMost}`}`, rows.length)
  const part = (name: string) => grow(growth, parts.get(name) ?? [], depth + 1)
  if (atMost !== undefined) return { feature: feature.name, atMost, below: part('below'), above: part('above'), otherwise }
  const branches = Object.fromEntries([...parts.keys()].sort().map((name) => [name, part(name)]))
  return { feature: feature.name, branches, otherwise }
}

function bestSplit(growth: Growth, rows: readonly number[]): Split | undefined {
  let best: Split | undefined
  for (const feature of growth.features) {
    const known = rows.filter((row) => feature.values[row] !== undefined)
    if (known.length < rows.length) continue
    const split = feature.isNumeric ? byThreshold(growth.classes, feature, rows) : byValue(growth.classes, feature, rows)
    if (split !== undefined && split.gain > (best?.gain ?? gainMin)) best = split
  }
  return best
}

function byValue(classes: readonly string[], feature: Feature, rows: readonly number[]): Split | undefined {
  const parts = grouped(feature, rows)
  if (parts.size < 2) return undefined
  return { gain: gainOf(classes, rows, [...parts.values()]), feature, atMost: undefined, parts }
}

function grouped(feature: Feature, rows: readonly number[]): Map<string, number[]> {
  const parts = new Map<string, number[]>()
  for (const row of rows) {
    const name = String(feature.values[row])
    const part = parts.get(name)
    if (part === undefined) parts.set(name, [row])
    else part.push(row)
  }
  return parts
}

/** The best cut between two neighbours that differ, found in one pass over the sorted rows. */
function byThreshold(classes: readonly string[], feature: Feature, rows: readonly number[]): Split | undefined {
  const numberIn = (row: number) => feature.values[row] as number
  const sorted = rows.toSorted((a, b) => numberIn(a) - numberIn(b))
  const above = countsOf(classes, rows)
  const below = new Map<string, number>()
  const before = entropy(above.values())
  let best: { gain: number; at: number } | undefined
  for (const [at, row] of sorted.slice(0, -1).entries()) {
    const name = classes[row] ?? ''
    below.set(name, (below.get(name) ?? 0) + 1)
    above.set(name, (above.get(name) ?? 0) - 1)
    if (numberIn(row) === numberIn(sorted[at + 1] ?? row)) continue
    const count = at + 1
    const after = (count * entropy(below.values()) + (rows.length - count) * entropy(above.values())) / rows.length
    if (before - after > (best?.gain ?? gainMin)) best = { gain: before - after, at }
  }
  if (best === undefined) return undefined
  const parts = new Map([
    ['below', sorted.slice(0, best.at + 1)],
    ['above', sorted.slice(best.at + 1)],
  ])
  return { gain: best.gain, feature, atMost: numberIn(sorted[best.at] ?? 0), parts }
}

function gainOf(classes: readonly string[], rows: readonly number[], parts: readonly (readonly number[])[]): number {
  const bits = (of: readonly number[]) => entropy(countsOf(classes, of).values())
  return bits(rows) - parts.reduce((sum, part) => sum + (part.length / rows.length) * bits(part), 0)
}

function countsOf(classes: readonly string[], rows: readonly number[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(classes[row] ?? '', (counts.get(classes[row] ?? '') ?? 0) + 1)
  return counts
}

/** Of several, the first in the alphabet: the same rows give the same tree. */
function mostFrequent(counts: ReadonlyMap<string, number>): string {
  return [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0] ?? ''
}

/** What a tree says of a row. */
export function classify(tree: Tree, valueIn: (feature: string) => Value): string {
  if ('leaf' in tree) return tree.leaf
  const value = valueIn(tree.feature)
  if ('branches' in tree) {
    const branch = Object.hasOwn(tree.branches, String(value)) ? tree.branches[String(value)] : undefined
    return branch === undefined ? tree.otherwise : classify(branch, valueIn)
  }
  if (typeof value !== 'number') return tree.otherwise
  return classify(value <= tree.atMost ? tree.below : tree.above, valueIn)
}

/** As in `age<=31:yes;else:no`; what is below a branch stands in parentheses. */
export function treeText(tree: Tree): string {
  if ('leaf' in tree) return tree.leaf
  const nested = (sub: Tree) => ('leaf' in sub ? sub.leaf : `(${treeText(sub)})`)
  if ('atMost' in tree) return `${tree.feature}<=${tree.atMost}:${nested(tree.below)};else:${nested(tree.above)}`
  return Object.entries(tree.branches)
    .map(([value, sub]) => `${tree.feature}=${value}:${nested(sub)}`)
    .join(';')
}
