/** One node of the federation: trains the global model on samples that never leave it, and hands in the parameters. */
import { setTimeout as pause } from 'node:timers/promises'
import { decodeParameters, encodeParameters } from '../learning/files.ts'
import { epochOf, Network } from '../learning/network.ts'
import { randomOf } from '../learning/random.ts'
import { paceOf } from '../pace.ts'
import { resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { amount, count, readFlags } from '../settings.ts'
import { shape, shardOf } from './shards.ts'

const options = { learningRate: 0.1, batchSize: 32 }
const attempts = 5

const flags = readFlags('One node of the federated averaging; main.js starts as many as it needs.', {
  ...resourceFlags('federated'),
  aggregator: { default: '', about: 'where the aggregator of the models listens, e.g. http://127.0.0.1:4000' },
  number: { default: '1', about: 'which node this is, from 1' },
  nodes: { default: '3', about: 'how many there are' },
  rounds: { default: '12', about: 'how many rounds there will be' },
  'samples-per-second': { default: '400', about: 'how fast it trains at most' },
  seed: { default: '1', about: 'what its samples are drawn by' },
})
const number = count('number', flags.number)
const rounds = count('rounds', flags.rounds)
const samplesPerSecond = amount('samples-per-second', flags['samples-per-second'])
const seed = count('seed', flags.seed)
const node = `edge${number}`
const resource = resourceFrom(flags)

type Offer = { readonly round: number | null; readonly parameters: string }

/** The aggregator may be busy or begin later: a request is tried again a few times. */
async function request(path: string, stop: AbortSignal, init?: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(`${flags.aggregator}${path}`, { ...init, signal: stop })
      if (!response.ok) throw new Error(`${path} was answered with ${response.status}`)
      return response
    } catch (error) {
      if (stop.aborted || attempt === attempts) throw error
      await pause(200 * attempt)
    }
  }
}

/** Trains for one epoch. @returns the mean loss */
async function trainRound(network: Network, round: number, worker: Worker, say: (done: number, loss: number) => void) {
  const pace = paceOf(samplesPerSecond)
  let loss = Number.NaN
  let before = 0
  for (const { done, meanLoss } of epochOf(network, samples, options, randomOf(seed, 3, number, round))) {
    loss = meanLoss
    say(done, loss)
    await pace(done - before, worker.stop)
    before = done
    worker.stop.throwIfAborted()
  }
  return loss
}

const samples = shardOf(number - 1, count('nodes', flags.nodes), seed)
const network = new Network(shape)

await runWorker(
  { resource, taskType: 'federated_learning', name: `${resource.job}-train-${number}`, node, role: 'train' },
  async (worker) => {
    const facts = { nodeSampleNum: samples.length, ...options }
    worker.tell({ ...facts, trainStatus: 'waiting' }, 0)
    worker.log('INFO', `${node} has ${samples.length} samples`)
    let trained = 0
    let last: Record<string, number | string> = { ...facts, trainStatus: 'running' }
    for (let after = 0; ; ) {
      const offer = (await (await request(`/round?after=${after}`, worker.stop)).json()) as Offer
      if (offer.round === null) break
      const round = offer.round
      const startedMs = performance.now()
      const progress = (done: number) => Math.min(1, (round - 1 + done / samples.length) / rounds)
      network.parameters.set(decodeParameters(offer.parameters, network.parameters.length))
      const loss = await trainRound(network, round, worker, (done, trainLoss) => {
        worker.tell({ ...last, iterationNo: round, trainLoss, samplesProcessed: trained + done }, progress(done))
      })
      trained += samples.length
      const roundTrainSeconds = (performance.now() - startedMs) / 1000
      last = { ...last, iterationNo: round, trainLoss: loss, roundTrainSeconds, samplesProcessed: trained }
      worker.tell(last, progress(samples.length))
      worker.log('INFO', `round ${round}: loss ${loss.toFixed(4)} after ${roundTrainSeconds.toFixed(1)} s`)
      await worker.say()
      const update = { node, samples: samples.length, loss, parameters: encodeParameters(network.parameters) }
      await request(`/update?round=${round}`, worker.stop, { method: 'POST', body: JSON.stringify(update) })
      after = round
    }
    worker.tell({ ...last, trainStatus: 'completed' }, 1)
    return 'is done'
  },
)
