import { digitKinds, drawMany, plainHand, type Sample } from '../learning/digits.ts'
import { randomOf } from '../learning/random.ts'

/** Units of each layer of the model that all nodes train. */
export const shape = [144, 24, 10] as const

const sizes = [1200, 800, 400] as const
/** Of the samples of a node, how many show one of its own digits. */
const ownShare = 0.8

/** How many samples node `number` (from 0) has: none has as many as the next. */
export function shardSize(number: number): number {
  return sizes[number % sizes.length] ?? sizes[0]
}

/** The samples of a node: mostly digits that the other nodes rarely see, in a hand of its own. */
export function shardOf(number: number, nodes: number, seed: number): Sample[] {
  const random = randomOf(seed, 1, number)
  const all = Array.from({ length: digitKinds }, (_, digit) => digit)
  const own = all.filter((digit) => digit % nodes === number % nodes)
  const hand = { ...plainHand, lean: 0.15 * ((number % 3) - 1) }
  const size = shardSize(number)
  const ownSize = Math.round(ownShare * size)
  return [...drawMany(ownSize, hand, random, own.length === 0 ? all : own), ...drawMany(size - ownSize, hand, random, all)]
}

/** Samples that no node has: what the aggregator tries the global model on. */
export function testSamples(seed: number): Sample[] {
  return drawMany(500, plainHand, randomOf(seed, 2))
}
