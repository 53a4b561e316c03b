/** The two models of the joint inference, and what they have to read. */
import { drawMany, type Hand, plainHand } from '../learning/digits.ts'
import { Network, train } from '../learning/network.ts'
import { randomOf } from '../learning/random.ts'

const training = { learningRate: 0.1, batchSize: 32 }

/** Hands that the large model has seen; the small one knows only the first. */
const hands: readonly Hand[] = [
  plainHand,
  { ...plainHand, lean: 0.3, otherForms: 0.6 },
  { ...plainHand, penWidth: 0.18, unsteadiness: 0.05, otherForms: 0.4 },
]

/** Softmax regression: few numbers, quick, for an edge node. */
export function edgeModel(seed: number): Network {
  const network = new Network([144, 10])
  train(network, drawMany(1000, plainHand, randomOf(seed, 1)), 20, training, randomOf(seed, 2))
  return network
}

/** A hidden layer and more to learn from: six times the work for each digit. */
export function cloudModel(seed: number): Network {
  const network = new Network([144, 60, 10], randomOf(seed, 3))
  const samples = hands.flatMap((hand, index) => drawMany(600, hand, randomOf(seed, 4, index)))
  train(network, samples, 8, training, randomOf(seed, 5))
  return network
}

/**
 * Who writes: the writers take turns every `turn` samples, so that what an edge node sees drifts away from what its
 * model knows, and comes back.
 */
export function handAt(index: number, turn: number): Hand {
  return hands[Math.floor(index / turn) % hands.length] ?? plainHand
}
