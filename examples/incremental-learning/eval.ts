/** An evaluation worker: tries the new model and the one in service on the same samples, which neither has learnt from. */
import { loadNetwork, loadSamples } from '../learning/files.ts'
import { type Judged, judge, meanOf, scoresOf } from '../learning/scores.ts'
import { paceOf } from '../pace.ts'
import { resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { amount, count, readFlags } from '../settings.ts'
import type { Evaluated } from './messages.ts'

const flags = readFlags('An evaluation worker of the incremental learning; main.js starts one for each iteration.', {
  ...resourceFlags('incremental'),
  worker: { default: 'incremental-eval-1', about: 'name of the worker' },
  iteration: { default: '1', about: 'which iteration it is' },
  candidate: { default: '', about: 'file: URL of the new model' },
  deployed: { default: '', about: 'file: URL of the model in service' },
  samples: { default: '', about: 'file of samples' },
  'samples-per-second': { default: '60', about: 'how fast it evaluates at most' },
})
const resource = resourceFrom(flags)
const iterationNo = count('iteration', flags.iteration)
const pace = paceOf(amount('samples-per-second', flags['samples-per-second']))
const batchSize = 10

async function evaluate(worker: Worker, facts: Readonly<Record<string, unknown>>): Promise<void> {
  const [candidate, deployed, samples] = await Promise.all([
    loadNetwork(flags.candidate),
    loadNetwork(flags.deployed),
    loadSamples(flags.samples),
  ])
  const running = { ...facts, evalSampleNum: samples.length, currentStatus: 'Running' }
  worker.tell(running, 0)
  await worker.say()
  const startedMs = performance.now()
  const judged: Record<'candidate' | 'deployed', Judged[]> = { candidate: [], deployed: [] }
  for (let at = 0; at < samples.length; at += batchSize) {
    const batch = samples.slice(at, at + batchSize)
    judged.candidate.push(...judge(candidate, batch))
    judged.deployed.push(...judge(deployed, batch))
    await pace(batch.length, worker.stop)
    worker.stop.throwIfAborted()
    const samplesProcessed = at + batch.length
    const secondsEach = (performance.now() - startedMs) / 1000 / samplesProcessed
    const evalRemainingTime = secondsEach * (samples.length - samplesProcessed)
    worker.tell({ ...running, evalRemainingTime, samplesProcessed }, samplesProcessed / samples.length)
  }
  const scores = { candidate: scoresOf(judged.candidate), deployed: scoresOf(judged.deployed) }
  const means = { candidate: meanOf(scores.candidate.precision), deployed: meanOf(scores.deployed.precision) }
  const words = `precision ${means.candidate.toFixed(3)}, of the model in service ${means.deployed.toFixed(3)}`
  worker.log('INFO', `iteration ${iterationNo} evaluated on ${samples.length} samples: ${words}`)
  const accuracies = { accuracyMetricForNewModel: scores.candidate, accuracyMetricForOldModel: scores.deployed }
  worker.tell({ ...running, currentStatus: 'Completed', ...accuracies, samplesProcessed: samples.length }, 1)
  process.send?.({ kind: 'evaluated', ...means } satisfies Evaluated)
}

await runWorker(
  { resource, taskType: 'incremental_learning', name: flags.worker, node: 'edge1', role: 'eval' },
  async (worker) => {
    const facts = { iterationNo, taskStage: 'Eval', evalNewModelUrl: flags.candidate }
    worker.tell({ ...facts, currentStatus: 'Starting' }, 0)
    try {
      await evaluate(worker, facts)
    } catch (error) {
      worker.tell({ ...facts, currentStatus: 'Failed' })
      throw error
    }
    return 'is done'
  },
)
