import { digitKinds } from './digits.ts'
import type { Random } from './random.ts'

/** Something to learn from: what is seen and which class it is. */
export type Example = { readonly pixels: Float32Array; readonly digit: number }

/** The most likely class and how sure the network is of it. */
export type Guess = { readonly digit: number; readonly confidence: number; readonly probabilities: Float32Array }

export type TrainingOptions = { readonly learningRate: number; readonly batchSize: number }

type Layer = { readonly inputs: number; readonly outputs: number; readonly weightsAt: number; readonly biasesAt: number }

/** A feed-forward network: rectified hidden layers, softmax on top, cross-entropy as its loss, trained by gradient descent. */
export class Network {
  /** Units of each layer, the pixels first: `[144, 10]` is softmax regression, `[144, 32, 10]` has one hidden layer. */
  readonly shape: readonly number[]
  /** All weights and biases, in one row, so that networks of one shape can be averaged and sent. */
  readonly parameters: Float32Array
  readonly #layers: readonly Layer[]
  readonly #gradient: Float32Array
  readonly #activations: readonly Float32Array[]
  readonly #errors: readonly Float32Array[]

  /** @param random where its weights begin; without it they are 0, to be filled in */
  constructor(shape: readonly number[], random?: Random) {
    this.shape = shape
    let at = 0
    this.#layers = shape.slice(1).map((outputs, index) => {
      const inputs = shape[index] ?? 0
      const layer = { inputs, outputs, weightsAt: at, biasesAt: at + inputs * outputs }
      at += (inputs + 1) * outputs
      return layer
    })
    this.parameters = new Float32Array(at)
    this.#gradient = new Float32Array(at)
    this.#activations = shape.map((units) => new Float32Array(units))
    this.#errors = shape.map((units) => new Float32Array(units))
    if (random !== undefined) this.#begin(random)
  }

  /** What it takes a drawing for. */
  guess(pixels: Float32Array): Guess {
    const probabilities = this.#forward(pixels).slice()
    let digit = 0
    for (let kind = 1; kind < digitKinds; kind++) if ((probabilities[kind] ?? 0) > (probabilities[digit] ?? 0)) digit = kind
    return { digit, confidence: probabilities[digit] ?? 0, probabilities }
  }

  /** Learns from one batch. @returns the sum of the losses of its examples, before it learnt */
  trainOn(batch: readonly Example[], learningRate: number): number {
    this.#gradient.fill(0)
    let loss = 0
    for (const { pixels, digit } of batch) {
      const probabilities = this.#forward(pixels)
      loss -= Math.log(Math.max(1e-12, probabilities[digit] ?? 0))
      this.#backward(digit)
    }
    const step = learningRate / batch.length
    for (let at = 0; at < this.parameters.length; at++) {
      this.parameters[at] = (this.parameters[at] ?? 0) - step * (this.#gradient[at] ?? 0)
    }
    return loss
  }

  /** Mean loss over examples that it does not learn from. */
  lossOf(examples: readonly Example[]): number {
    let loss = 0
    for (const { pixels, digit } of examples) loss -= Math.log(Math.max(1e-12, this.#forward(pixels)[digit] ?? 0))
    return loss / examples.length
  }

  #begin(random: Random): void {
    for (const { inputs, outputs, weightsAt } of this.#layers) {
      const deviation = Math.sqrt(2 / inputs)
      for (let at = 0; at < inputs * outputs; at++) this.parameters[weightsAt + at] = deviation * random.normal()
    }
  }

  #forward(pixels: Float32Array): Float32Array {
    this.#activations[0]?.set(pixels)
    for (const [index, layer] of this.#layers.entries()) {
      const to = this.#activations[index + 1] ?? pixels
      sums(this.parameters, layer, this.#activations[index] ?? pixels, to)
      if (index < this.#layers.length - 1) rectify(to)
    }
    return softmax(this.#activations.at(-1) ?? pixels)
  }

  /** Adds what the last forward pass says about how to change each weight. */
  #backward(digit: number): void {
    const top = this.#errors.at(-1)
    top?.set(this.#activations.at(-1) ?? [])
    if (top !== undefined) top[digit] = (top[digit] ?? 0) - 1
    for (let index = this.#layers.length - 1; index >= 0; index--) this.#backwardLayer(index)
  }

  #backwardLayer(index: number): void {
    const layer = this.#layers[index]
    const [from, below, above] = [this.#activations[index], this.#errors[index], this.#errors[index + 1]]
    if (layer === undefined || from === undefined || below === undefined || above === undefined) return
    below.fill(0)
    for (let unit = 0; unit < layer.outputs; unit++) {
      const error = above[unit] ?? 0
      const row = layer.weightsAt + unit * layer.inputs
      this.#gradient[layer.biasesAt + unit] = (this.#gradient[layer.biasesAt + unit] ?? 0) + error
      addScaled(this.#gradient, row, from, 0, error, layer.inputs)
      addScaled(below, 0, this.parameters, row, error, layer.inputs)
    }
    // A unit that was at rest has no part in the error.
    for (let input = 0; input < layer.inputs; input++) if (from[input] === 0) below[input] = 0
  }
}

/** The weighted sums of each unit of a layer. */
function sums(
  parameters: Float32Array,
  { inputs, outputs, weightsAt, biasesAt }: Layer,
  from: Float32Array,
  to: Float32Array,
): void {
  for (let unit = 0; unit < outputs; unit++) {
    const row = weightsAt + unit * inputs
    let sum = parameters[biasesAt + unit] ?? 0
    for (let input = 0; input < inputs; input++) sum += (parameters[row + input] ?? 0) * (from[input] ?? 0)
    to[unit] = sum
  }
}

function rectify(values: Float32Array): void {
  for (let at = 0; at < values.length; at++) if ((values[at] ?? 0) < 0) values[at] = 0
}

/** Adds `factor` times `count` numbers of one row to those of another. */
function addScaled(to: Float32Array, toAt: number, from: Float32Array, fromAt: number, factor: number, count: number): void {
  for (let at = 0; at < count; at++) to[toAt + at] = (to[toAt + at] ?? 0) + factor * (from[fromAt + at] ?? 0)
}

/** Turns sums into probabilities, in place. */
function softmax(values: Float32Array): Float32Array {
  let largest = Number.NEGATIVE_INFINITY
  for (const value of values) largest = Math.max(largest, value)
  let total = 0
  for (let at = 0; at < values.length; at++) {
    values[at] = Math.exp((values[at] ?? 0) - largest)
    total += values[at] ?? 0
  }
  for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) / total
  return values
}

/** One pass over the examples in an order by chance, a batch at a time. Yields how many are done and their mean loss so far. */
export function* epochOf(
  network: Network,
  examples: readonly Example[],
  { learningRate, batchSize }: TrainingOptions,
  random: Random,
): Generator<{ readonly done: number; readonly meanLoss: number }> {
  const order = examples.map((_, index) => index)
  random.shuffle(order)
  let loss = 0
  for (let at = 0; at < order.length; at += batchSize) {
    const batch = order.slice(at, at + batchSize).flatMap((index) => examples[index] ?? [])
    loss += network.trainOn(batch, learningRate)
    const done = Math.min(order.length, at + batchSize)
    yield { done, meanLoss: loss / done }
  }
}

/** Trains for some epochs at one go. @returns the mean loss of the last */
export function train(
  network: Network,
  examples: readonly Example[],
  epochs: number,
  options: TrainingOptions,
  random: Random,
): number {
  let last = Number.NaN
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const { meanLoss } of epochOf(network, examples, options, random)) last = meanLoss
  }
  return last
}
