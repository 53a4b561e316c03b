/** What the camera sees: digits by hands that change with the iterations, so that a model which knew them well knows them less. */
import { drawMany, type Hand, plainHand, type Sample } from '../learning/digits.ts'
import { Network, train } from '../learning/network.ts'
import { type Random, randomOf } from '../learning/random.ts'

const hands: readonly Hand[] = [
  { ...plainHand, lean: 0.35 },
  { ...plainHand, lean: 0.3, otherForms: 0.9 },
  { ...plainHand, lean: -0.25, penWidth: 0.2 },
  { ...plainHand, lean: -0.2, unsteadiness: 0.06, otherForms: 0.4 },
]

export const shape = [144, 24, 10] as const
export const training = { learningRate: 0.1, batchSize: 32 }

/** Who writes in an iteration (from 1). Each hand stays for two: in the second there is little left to learn. */
export function handIn(iteration: number): Hand {
  return hands[Math.floor((iteration - 1) / 2) % hands.length] ?? plainHand
}

/** The samples of an iteration that are labelled and learnt from, and those that come after them. */
export function chanceOf(seed: number, iteration: number, part: 'labelled' | 'rest'): Random {
  return randomOf(seed, iteration, part === 'labelled' ? 0 : 1)
}

/** Samples of the hand that wrote before there was anything to see. */
export function firstSamples(seed: number): Sample[] {
  return drawMany(400, plainHand, randomOf(seed, 0, 0))
}

/** The model that is in service when the job begins. */
export function firstModel(seed: number): Network {
  const network = new Network(shape, randomOf(seed, 0, 1))
  train(network, firstSamples(seed), 8, training, randomOf(seed, 0, 2))
  return network
}

/** Every fourth sample, whatever was thought of it, is for evaluation: so the evaluation is fair. */
export function isForEvaluation(index: number): boolean {
  return index % 4 === 3
}

/** Of the others, the hard ones are learnt from, and every fourth, so that what was known stays known. */
export function isForTraining(index: number, isHard: boolean): boolean {
  return !isForEvaluation(index) && (isHard || index % 4 === 1)
}
