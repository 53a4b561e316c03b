/** The learners of the examples, without processes: what they learn from, and that they learn. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { averageOf } from '../examples/federated-averaging/average.ts'
import { shape, shardOf, testSamples } from '../examples/federated-averaging/shards.ts'
import { firstModel, handIn, isForEvaluation, isForTraining, training } from '../examples/incremental-learning/stream.ts'
import { cloudModel, edgeModel, handAt } from '../examples/joint-inference/models.ts'
import { draw, drawMany, plainHand } from '../examples/learning/digits.ts'
import { driftWatch, inkOf } from '../examples/learning/drift.ts'
import {
  decodeParameters,
  encodeParameters,
  loadNetwork,
  loadSamples,
  saveNetwork,
  saveSamples,
} from '../examples/learning/files.ts'
import { Latency } from '../examples/learning/latency.ts'
import { epochOf, Network, train } from '../examples/learning/network.ts'
import { randomOf } from '../examples/learning/random.ts'
import { accuracyOf, judge, meanOf, scoresOf } from '../examples/learning/scores.ts'

describe('the digits', () => {
  test('are the same for the same seed, and others for another', () => {
    expect(drawMany(20, plainHand, randomOf(7))).toEqual(drawMany(20, plainHand, randomOf(7)))
    expect(drawMany(20, plainHand, randomOf(7))).not.toEqual(drawMany(20, plainHand, randomOf(8)))
    expect(drawMany(20, plainHand, randomOf(7, 1))).not.toEqual(drawMany(20, plainHand, randomOf(7, 2)))
  })

  test('are drawn in ink between 0 and 1, never twice the same', () => {
    const random = randomOf(1)
    const [one, other] = [draw(5, plainHand, random), draw(5, plainHand, random)]
    expect(one.pixels).not.toEqual(other.pixels)
    for (const pixel of one.pixels) expect(Math.round(255 * pixel) / 255).toBeCloseTo(pixel, 6)
    expect(inkOf(one.pixels)).toBeGreaterThan(0.1)
    expect(inkOf(one.pixels)).toBeLessThan(0.6)
  })

  test('are spread evenly over what chance may choose', () => {
    const random = randomOf(3)
    const values = Array.from({ length: 10_000 }, () => random.next())
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 1)
    expect(values.filter((value) => value < 0.1).length / values.length).toBeCloseTo(0.1, 1)
  })
})

describe('a network', () => {
  test('changes each weight by what the loss changes with it', () => {
    const network = new Network([144, 8, 10], randomOf(1))
    const [sample] = drawMany(1, plainHand, randomOf(2))
    if (sample === undefined) throw new Error('no sample')
    const before = network.parameters.slice()
    network.trainOn([sample], 1)
    const gradient = before.map((value, at) => value - (network.parameters[at] ?? 0))
    const lossWith = (at: number, change: number) => {
      network.parameters.set(before)
      network.parameters[at] = (before[at] ?? 0) + change
      return network.lossOf([sample])
    }
    const steepest = [...gradient.keys()].sort((a, b) => Math.abs(gradient[b] ?? 0) - Math.abs(gradient[a] ?? 0))
    const hidden = steepest.filter((at) => at < 144 * 8).slice(0, 5)
    const top = steepest.filter((at) => at >= 144 * 8).slice(0, 5)
    for (const at of [...hidden, ...top]) {
      expect((lossWith(at, 0.005) - lossWith(at, -0.005)) / 0.01, `parameter ${at}`).toBeCloseTo(gradient[at] ?? 0, 2)
    }
  })

  test('loses less in every epoch and reads digits that it has never seen', () => {
    const network = new Network([144, 24, 10], randomOf(1))
    const samples = drawMany(1000, plainHand, randomOf(2))
    const losses = Array.from({ length: 6 }, (_, epoch) => train(network, samples, 1, training, randomOf(3, epoch)))
    expect(losses).toEqual(losses.toSorted((a, b) => b - a))
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 3)
    expect(accuracyOf(network, drawMany(500, plainHand, randomOf(4)))).toBeGreaterThan(0.9)
  })

  test('sees each sample once in an epoch', () => {
    const network = new Network([144, 10])
    const steps = [...epochOf(network, drawMany(70, plainHand, randomOf(1)), { learningRate: 0, batchSize: 32 }, randomOf(2))]
    expect(steps.map(({ done }) => done)).toEqual([32, 64, 70])
    // With all weights 0 and nothing learnt, ten digits are equally likely.
    expect(steps.at(-1)?.meanLoss).toBeCloseTo(Math.log(10), 5)
  })
})

describe('scores', () => {
  const row = (truth: number, guess: number, sureness: number) => {
    const probabilities = new Float32Array(10)
    probabilities[0] = guess === 0 ? sureness : 1 - sureness
    probabilities[1] = 1 - (probabilities[0] ?? 0)
    return { truth, guess, probabilities }
  }

  test('are those of the textbook', () => {
    const { precision, recall, f1, mAP } = scoresOf([row(0, 0, 0.9), row(1, 0, 0.8), row(0, 0, 0.7), row(1, 1, 0.9)])
    expect(precision).toEqual({ 0: 2 / 3, 1: 1 })
    expect(recall).toEqual({ 0: 1, 1: 0.5 })
    expect(f1).toEqual({ 0: 0.8, 1: 2 / 3 })
    expect(mAP['0']).toBeCloseTo((1 + 2 / 3) / 2)
    expect(meanOf(precision)).toBeCloseTo(5 / 6)
  })
})

describe('federated averaging', () => {
  test('weighs each node by its samples', () => {
    const update = (node: string, samples: number, value: number) => {
      return { node, samples, loss: value, parameters: Float32Array.of(value, 2 * value) }
    }
    const mean = averageOf([update('edge1', 1200, 1), update('edge2', 800, 2), update('edge3', 400, 4)])
    expect(mean.loss).toBeCloseTo((1200 + 1600 + 1600) / 2400)
    expect([...mean.parameters].map((value) => Math.round(1e5 * value) / 1e5)).toEqual([1.83333, 3.66667])
    expect(() => averageOf([])).toThrow('nothing to average')
  })

  test('makes a model that knows what no node has enough of', () => {
    const shards = [0, 1, 2].map((number) => shardOf(number, 3, 1))
    expect(shards.map((shard) => shard.length)).toEqual([1200, 800, 400])
    const held = testSamples(1)
    const trained = (from: Float32Array, number: number, epochs: number, round: number) => {
      const network = new Network(shape)
      network.parameters.set(from)
      const loss = train(network, shards[number] ?? [], epochs, training, randomOf(3, number, round))
      return { network, loss }
    }
    const network = new Network(shape, randomOf(1))
    const begin = network.parameters.slice()
    const losses: number[] = []
    for (let round = 1; round <= 6; round++) {
      const updates = shards.map(({ length: samples }, number) => {
        const { network: local, loss } = trained(network.parameters, number, 1, round)
        return { node: String(number), samples, loss, parameters: local.parameters }
      })
      const mean = averageOf(updates)
      network.parameters.set(mean.parameters)
      losses.push(mean.loss)
    }
    expect(losses).toEqual(losses.toSorted((a, b) => b - a))
    const alone = shards.map((_, number) => accuracyOf(trained(begin, number, 6, 0).network, held))
    expect(accuracyOf(network, held)).toBeGreaterThan(0.8)
    for (const accuracy of alone) expect(accuracyOf(network, held)).toBeGreaterThan(accuracy + 0.1)
  })
})

describe('incremental learning', () => {
  /** What comes in an iteration, and the samples of it that are learnt from with this model. */
  function seen(network: Network, iteration: number) {
    const random = randomOf(5, iteration)
    const all = drawMany(600, handIn(iteration), random)
    const isHard = all.map(({ pixels }) => network.guess(pixels).confidence < 0.8)
    return {
      hardShare: isHard.filter(Boolean).length / all.length,
      train: all.filter((_, index) => isForTraining(index, isHard[index] ?? false)),
      evaluation: all.filter((_, index) => isForEvaluation(index)),
    }
  }

  test('a new hand makes samples hard, and learning from those makes the model better than it was', () => {
    const network = firstModel(1)
    const known = accuracyOf(network, drawMany(300, plainHand, randomOf(9)))
    const { hardShare, train: samples, evaluation } = seen(network, 1)
    const before = meanOf(scoresOf(judge(network, evaluation)).precision)
    expect(known).toBeGreaterThan(0.85)
    expect(before).toBeLessThan(known)
    expect(hardShare).toBeGreaterThan(0.5)
    train(network, samples, 6, training, randomOf(6))
    expect(meanOf(scoresOf(judge(network, evaluation)).precision)).toBeGreaterThan(before + 0.06)
    expect(seen(network, 2).hardShare).toBeLessThan(hardShare)
  })

  test('no sample is both learnt from and evaluated with', () => {
    for (let index = 0; index < 40; index++) expect(isForTraining(index, true) && isForEvaluation(index)).toBe(false)
  })
})

test('the large model reads what the small one is not sure of', () => {
  const [edge, cloud] = [edgeModel(1), cloudModel(1)]
  const random = randomOf(8)
  const samples = Array.from({ length: 600 }, (_, index) => draw(random.below(10), handAt(index, 200), random))
  const hard = samples.filter(({ pixels }) => edge.guess(pixels).confidence < 0.6)
  expect(hard.length / samples.length).toBeGreaterThan(0.1)
  expect(hard.length / samples.length).toBeLessThan(0.4)
  expect(accuracyOf(cloud, hard)).toBeGreaterThan(accuracyOf(edge, hard) + 0.1)
})

test('drift is seen when another hand writes, and not before', () => {
  const random = randomOf(1)
  const watch = driftWatch()
  const see = (count: number, penWidth: number) => {
    for (const { pixels } of drawMany(count, { ...plainHand, penWidth }, random)) watch.see(2 * inkOf(pixels))
  }
  see(100, 0.1)
  expect(watch.score()).toBeUndefined()
  see(500, 0.1)
  expect(watch.score()).toBeLessThan(0.2)
  see(200, 0.2)
  expect(watch.score()).toBeGreaterThan(0.2)
})

test('a latency histogram is cumulative', () => {
  const latency = new Latency()
  for (const seconds of [0.004, 0.03, 0.03, 20]) latency.add(seconds)
  const { count, sum, buckets } = latency.histogram()
  expect([count, sum]).toEqual([4, 20.064])
  expect([buckets['0.005'], buckets['0.025'], buckets['0.05'], buckets['10']]).toEqual([1, 1, 3, 3])
})

describe('files', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'enginescope-learning-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('give back the network and the samples that were put in', async () => {
    const network = new Network([144, 10], randomOf(1))
    const url = await saveNetwork(network, join(folder, 'a model.json'))
    expect(url).toBe(pathToFileURL(join(folder, 'a model.json')).href)
    expect((await loadNetwork(url)).parameters).toEqual(network.parameters)
    const samples = drawMany(30, plainHand, randomOf(2))
    await saveSamples(samples, join(folder, 'samples.json'))
    expect(await loadSamples(join(folder, 'samples.json'))).toEqual(samples)
  })

  test('that hold no network, or parameters of another shape, are refused', async () => {
    writeFileSync(join(folder, 'cut.json'), '{"shape":[144,10],"para')
    await expect(loadNetwork(pathToFileURL(join(folder, 'cut.json')).href)).rejects.toThrow()
    expect(() => decodeParameters(encodeParameters(new Float32Array(3)), 4)).toThrow('there are 3 parameters and not 4')
  })
})
