/** Counts of words, and what map and reduce do with them. */

export type Counts = Map<string, number>

const word = /\p{L}[\p{L}'’]*/gu

/** Counts the words of a piece of text. @returns how many there were */
export function countWords(text: string, into: Counts): number {
  let words = 0
  for (const [found] of text.matchAll(word)) {
    const key = found.toLowerCase()
    into.set(key, (into.get(key) ?? 0) + 1)
    words++
  }
  return words
}

/** The last word of a piece may go on in the next one: cuts it off. */
export function cutAtLastSpace(text: string): { readonly whole: string; readonly rest: string } {
  const end = Math.max(text.lastIndexOf(' '), text.lastIndexOf('\n')) + 1
  return { whole: text.slice(0, end), rest: text.slice(end) }
}

/** Which reducer a word goes to: the same one from every mapper. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
  return (hash >>> 0) % partitions
}

/** The shuffle: one list of counts for each reducer. */
export function partitioned(counts: Counts, partitions: number): [string, number][][] {
  const lists: [string, number][][] = Array.from({ length: partitions }, () => [])
  for (const entry of counts) lists[partitionOf(entry[0], partitions)]?.push(entry)
  return lists
}

/** Adds counts of one mapper to those of others. */
export function merge(entries: Iterable<readonly [string, number]>, into: Counts): void {
  for (const [key, times] of entries) into.set(key, (into.get(key) ?? 0) + times)
}

/** The most frequent words, the most frequent first, equals by name. */
export function topWords(counts: Iterable<readonly [string, number]>, limit: number): [string, number][] {
  const sorted = [...counts].sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
  return sorted.slice(0, limit).map(([key, times]) => [key, times])
}
