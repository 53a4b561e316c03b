/** A training worker: goes on from the model in service with the samples of all iterations so far. */

import { loadNetwork, loadSamples, saveNetwork } from '../learning/files.ts'
import { epochOf, type Network } from '../learning/network.ts'
import { randomOf } from '../learning/random.ts'
import { paceOf } from '../pace.ts'
import { resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { amount, count, readFlags } from '../settings.ts'
import { training } from './stream.ts'

const flags = readFlags('A training worker of the incremental learning; main.js starts one for each iteration.', {
  ...resourceFlags('incremental'),
  worker: { default: 'incremental-train-1', about: 'name of the worker' },
  iteration: { default: '1', about: 'which iteration it is' },
  model: { default: '', about: 'file: URL of the model to go on from' },
  samples: { default: '', about: 'files of samples, with commas between them' },
  output: { default: 'model.json', about: 'file that the trained model is put into' },
  epochs: { default: '6', about: 'how often each sample is learnt from' },
  'samples-per-second': { default: '600', about: 'how fast it trains at most' },
  seed: { default: '1', about: 'what the order of the samples is shuffled by' },
})
const resource = resourceFrom(flags)
const iterationNo = count('iteration', flags.iteration)
const epochNum = count('epochs', flags.epochs)
const samplesPerSecond = amount('samples-per-second', flags['samples-per-second'])
const seed = count('seed', flags.seed)

/** Trains, telling of every batch. */
async function trainAll(network: Network, worker: Worker, facts: Readonly<Record<string, unknown>>): Promise<void> {
  const samples = (await Promise.all(flags.samples.split(',').map(loadSamples))).flat()
  const whole = epochNum * samples.length
  const startedMs = performance.now()
  const pace = paceOf(samplesPerSecond)
  const running = { ...facts, trainSampleNum: samples.length, currentStatus: 'Running' }
  worker.tell(running, 0)
  await worker.say()
  let loss = Number.NaN
  for (let epoch = 1; epoch <= epochNum; epoch++) {
    let before = 0
    for (const { done, meanLoss } of epochOf(network, samples, training, randomOf(seed, 3, iterationNo, epoch))) {
      loss = meanLoss
      await pace(done - before, worker.stop)
      before = done
      worker.stop.throwIfAborted()
      const samplesProcessed = (epoch - 1) * samples.length + done
      const secondsEach = (performance.now() - startedMs) / 1000 / samplesProcessed
      const trainRemainingTime = secondsEach * (whole - samplesProcessed)
      worker.tell({ ...running, epoch, trainLoss: loss, trainRemainingTime, samplesProcessed }, samplesProcessed / whole)
    }
    worker.log('INFO', `iteration ${iterationNo} epoch ${epoch}/${epochNum}: loss ${loss.toFixed(4)}`)
  }
  const trainOutputModelUrl = await saveNetwork(network, flags.output)
  const ended = { currentStatus: 'Completed', epoch: epochNum, trainLoss: loss, trainOutputModelUrl, samplesProcessed: whole }
  worker.tell({ ...running, ...ended }, 1)
}

await runWorker(
  { resource, taskType: 'incremental_learning', name: flags.worker, node: 'edge1', role: 'train' },
  async (worker) => {
    const facts = { iterationNo, taskStage: 'Train', ...training, epochNum }
    worker.tell({ ...facts, currentStatus: 'Starting' }, 0)
    try {
      await trainAll(await loadNetwork(flags.model), worker, facts)
    } catch (error) {
      worker.tell({ ...facts, currentStatus: 'Failed' })
      throw error
    }
    return 'is done'
  },
)
