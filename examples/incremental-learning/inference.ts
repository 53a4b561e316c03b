/** The inference worker: reads digits with the model in service, sets the hard ones aside, takes over a new model without a stop. */
import { join } from 'node:path'
import { draw, type Sample } from '../learning/digits.ts'
import { type DriftWatch, driftWatch, inkOf } from '../learning/drift.ts'
import { loadNetwork, saveSamples } from '../learning/files.ts'
import type { Network } from '../learning/network.ts'
import type { Random } from '../learning/random.ts'
import { paceOf, rarely } from '../pace.ts'
import { resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { amount, count, readFlags } from '../settings.ts'
import type { Collected, Deployed, Order } from './messages.ts'
import { chanceOf, handIn, isForEvaluation, isForTraining } from './stream.ts'

const flags = readFlags('The inference worker of the incremental learning; main.js starts it.', {
  ...resourceFlags('incremental'),
  model: { default: '', about: 'file: URL of the model in service' },
  folder: { default: '.', about: 'where labelled samples are put' },
  samples: { default: '600', about: 'how many samples of an iteration are looked at for learning' },
  'samples-per-second': { default: '60', about: 'how fast samples come' },
  seed: { default: '1', about: 'what the samples are drawn by' },
})
const resource = resourceFrom(flags)
const samplesWanted = count('samples', flags.samples)
const pace = paceOf(amount('samples-per-second', flags['samples-per-second']))
const seed = count('seed', flags.seed)
/** Below this the model is not sure enough, and somebody has to say what it is. */
const hardBelow = 0.8
/** The drift takes longer to compute than a digit to read. */
const newsEveryMs = 250

/** One iteration as this worker sees it. */
type Iteration = {
  readonly number: number
  readonly train: Sample[]
  readonly evaluation: Sample[]
  random: Random
  seen: number
  hard: number
}

const orders: Order[] = []
process.on('message', (order: Order) => orders.push(order))

function begin(number: number): Iteration {
  return { number, train: [], evaluation: [], random: chanceOf(seed, number, 'labelled'), seen: 0, hard: 0 }
}

function tell(worker: Worker, { number, seen, hard }: Iteration, processed: number, drift: Record<string, DriftWatch>): void {
  const scores = Object.entries(drift).flatMap(([feature, watch]) => {
    const score = watch.score()
    return score === undefined ? [] : [[feature, score] as const]
  })
  worker.tell({
    iterationNo: number,
    iterationInferenceCount: seen,
    iterationHardSampleNum: hard,
    samplesProcessed: processed,
    ...(scores.length === 0 ? {} : { driftScore: Object.fromEntries(scores) }),
  })
}

/** Reads one digit. @returns whether the iteration's last sample for learning has come */
function read(network: Network, iteration: Iteration, drift: Record<string, DriftWatch>): boolean {
  const sample = draw(iteration.random.below(10), handIn(iteration.number), iteration.random)
  const { confidence } = network.guess(sample.pixels)
  drift['confidence']?.see(confidence)
  drift['ink']?.see(2 * inkOf(sample.pixels))
  const isHard = confidence < hardBelow
  const index = iteration.seen++
  if (isHard) iteration.hard++
  if (index >= samplesWanted) return false
  if (isForEvaluation(index)) iteration.evaluation.push(sample)
  else if (isForTraining(index, isHard)) iteration.train.push(sample)
  return index === samplesWanted - 1
}

async function handOver(iteration: Iteration, worker: Worker): Promise<void> {
  const { number, train, evaluation } = iteration
  const trainPath = join(flags.folder, `train-samples-${number}.json`)
  const evalPath = join(flags.folder, `eval-samples-${number}.json`)
  await Promise.all([saveSamples(train, trainPath), saveSamples(evaluation, evalPath)])
  iteration.random = chanceOf(seed, number, 'rest')
  worker.log(
    'INFO',
    `iteration ${number}: ${iteration.hard} of ${iteration.seen} samples are hard, ${train.length} to learn from`,
  )
  const collected: Collected = {
    kind: 'collected',
    iteration: number,
    trainPath,
    evalPath,
    samples: train.length + evaluation.length,
  }
  process.send?.(collected)
}

async function deploy(url: string, worker: Worker, known: Network): Promise<Network> {
  const answer = (deployed: Deployed) => process.send?.(deployed)
  try {
    const network = await loadNetwork(url)
    worker.log('INFO', `took over ${url}`)
    answer({ kind: 'deployed' })
    return network
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    worker.log('ERROR', `${url} cannot be taken over: ${problem}`)
    answer({ kind: 'deployed', problem })
    return known
  }
}

await runWorker(
  { resource, taskType: 'incremental_learning', name: `${resource.job}-inference`, node: 'edge1', role: 'inference' },
  async (worker) => {
    let network = await loadNetwork(flags.model)
    const drift = { confidence: driftWatch(), ink: driftWatch() }
    let iteration = begin(1)
    let processed = 0
    const isNewsDue = rarely(newsEveryMs)
    while (!worker.stop.aborted) {
      const order = orders.shift()
      if (order?.kind === 'leave') break
      if (order?.kind === 'deploy') network = await deploy(order.url, worker, network)
      if (order?.kind === 'collect' && order.iteration > iteration.number) {
        // The last counts of an iteration would be lost under those of the next.
        tell(worker, iteration, processed, drift)
        await worker.say()
        iteration = begin(order.iteration)
      }
      const isComplete = read(network, iteration, drift)
      processed++
      if (isNewsDue()) tell(worker, iteration, processed, drift)
      if (isComplete) await handOver(iteration, worker)
      await pace(1, worker.stop)
    }
    tell(worker, iteration, processed, drift)
    return 'is done'
  },
)
