/**
 * Finds a cycle in a graph, written from the node that is needed to the one that needs it: `[a, b, a]`.
 * @param inputs by node; names that are no nodes are not followed
 */
export function cycleOf(inputs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const left = new Map([...inputs].map(([id, names]) => [id, names.filter((name) => inputs.has(name)).length]))
  const users = usersOf(inputs)
  const free = [...left].flatMap(([id, count]) => (count === 0 ? [id] : []))
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    left.delete(id)
    for (const user of users.get(id) ?? []) {
      const count = (left.get(user) ?? 0) - 1
      left.set(user, count)
      if (count === 0) free.push(user)
    }
  }
  const [first] = left.keys()
  return first === undefined ? undefined : walk(first, inputs, left)
}

function usersOf(inputs: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const users = new Map<string, string[]>()
  for (const [id, names] of inputs) {
    for (const name of names) {
      const list = users.get(name)
      if (list === undefined) users.set(name, [id])
      else list.push(id)
    }
  }
  return users
}

/** Every node that is left has an input that is left: going back along them must come to one seen before. */
function walk(first: string, inputs: ReadonlyMap<string, readonly string[]>, left: ReadonlyMap<string, number>): string[] {
  const way = [first]
  const placeOf = new Map([[first, 0]])
  for (let id = first; ; ) {
    const next = (inputs.get(id) ?? []).find((name) => left.has(name)) ?? first
    const place = placeOf.get(next)
    if (place !== undefined) return rotated(way.slice(place).reverse())
    placeOf.set(next, way.length)
    way.push(next)
    id = next
  }
}

/** Begins with the smallest name, so that the same cycle is always told in the same words. */
function rotated(cycle: readonly string[]): string[] {
  const smallest = cycle.reduce((least, name) => (name < least ? name : least))
  const at = cycle.indexOf(smallest)
  return [...cycle.slice(at), ...cycle.slice(0, at), smallest]
}
