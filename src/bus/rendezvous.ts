/** FNV-1a with a final mix, so that names that differ in one digit still spread. */
function weightOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * Who of the living should hold a place: the same answer on every replica, and only the places of one that comes or goes
 * change hands.
 */
export function chosenHolder(place: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestWeight = -1
  for (const name of names) {
    const weight = weightOf(`${place}|${name}`)
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && name < best)) {
      best = name
      bestWeight = weight
    }
  }
  return best
}
