/** The controller: has samples collected, a model trained and evaluated, and takes it into service if it is better enough. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { saveNetwork, saveSamples } from '../learning/files.ts'
import { type Child, startChild, stopChildren } from '../sedna-worker/child.ts'
import { resourceArgs, resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { aggregator, amount, count, readFlags } from '../settings.ts'
import type { Collected, Deployed, Evaluated, Order } from './messages.ts'
import { firstModel, firstSamples } from './stream.ts'

const flags = readFlags(
  'Incremental learning: digits whose hand changes are read, hard ones learnt from, and a better model is deployed.',
  {
    ...resourceFlags(`incremental-${process.pid}`),
    iterations: { default: '6', about: 'how often it is collected, trained, evaluated and perhaps deployed' },
    samples: { default: '600', about: 'how many samples of an iteration are looked at for learning' },
    'samples-per-second': { default: '60', about: 'how fast samples come, and are evaluated' },
    'train-samples-per-second': { default: '600', about: 'how fast it trains at most' },
    epochs: { default: '6', about: 'how often each sample is learnt from' },
    'better-by': { default: '0.06', about: 'how much higher the mean precision must be for a model to be deployed' },
    folder: { default: '', about: 'where models and samples are kept; without it they are removed at the end' },
    seed: { default: '1', about: 'what samples and first weights are drawn by' },
  },
)
aggregator()
const resource = resourceFrom(flags)
const iterations = count('iterations', flags.iterations)
const samples = String(count('samples', flags.samples))
const epochs = String(count('epochs', flags.epochs))
const betterBy = amount('better-by', flags['better-by'])
const samplesPerSecond = String(amount('samples-per-second', flags['samples-per-second']))
const trainSamplesPerSecond = String(amount('train-samples-per-second', flags['train-samples-per-second']))
const seed = String(count('seed', flags.seed))
/** A stage whose worker fails is begun again once. */
const triesMax = 2

/** What the job has come to. */
type State = { readonly folder: string; deployedUrl: string; readonly trainPaths: string[]; samples: number }

const tellAs = (worker: Worker, metrics: Readonly<Record<string, unknown>>, iteration: number) =>
  worker.tell(metrics, (iteration - 1) / iterations)

/** Has a worker do one stage. @throws when it failed as often as it may be tried */
async function runStage(
  worker: Worker,
  stage: {
    readonly iteration: number
    readonly name: 'Train' | 'Eval'
    readonly module: string
    readonly args: readonly string[]
  },
): Promise<Child> {
  const { iteration, name, module, args } = stage
  const facts = { iterationNo: iteration, taskStage: name }
  for (let attempt = 1; ; attempt++) {
    tellAs(worker, { ...facts, currentStatus: 'Ready' }, iteration)
    const number = attempt === 1 ? iteration : `${iteration}-${attempt}`
    const names = ['--worker', `${resource.job}-${name.toLowerCase()}-${number}`, '--iteration', String(iteration)]
    const child = startChild(new URL(module, import.meta.url), [...resourceArgs(resource), ...names, ...args])
    const stop = () => child.process.kill('SIGTERM')
    worker.stop.addEventListener('abort', stop)
    const end = await child.ended
    worker.stop.removeEventListener('abort', stop)
    worker.stop.throwIfAborted()
    if (end === 0) return child
    worker.log('ERROR', `iteration ${iteration}: the ${name} worker ended with ${end}`)
    tellAs(worker, { ...facts, currentStatus: 'Failed' }, iteration)
    await worker.say()
    if (attempt === triesMax) throw new Error(`${name} of iteration ${iteration} failed ${attempt} times`)
  }
}

async function collect(worker: Worker, inference: Child, iteration: number, state: State): Promise<string> {
  tellAs(worker, { iterationNo: iteration, taskStage: 'Train', currentStatus: 'Waiting', sampleNum: state.samples }, iteration)
  worker.log('INFO', `iteration ${iteration} waits for samples`)
  await worker.say()
  inference.process.send({ kind: 'collect', iteration } satisfies Order)
  const collected = await inference.receive<Collected>('collected', worker.stop)
  state.trainPaths.push(collected.trainPath)
  state.samples += collected.samples
  return collected.evalPath
}

/** Takes a model into service, or does not. @returns what became of it */
async function decide(worker: Worker, inference: Child, evaluated: Evaluated, url: string, state: State): Promise<string> {
  const gain = evaluated.candidate - evaluated.deployed
  if (gain <= betterBy) return `Skipped: ${gain.toFixed(3)} is not more than ${betterBy}`
  inference.process.send({ kind: 'deploy', url } satisfies Order)
  const { problem } = await inference.receive<Deployed>('deployed', worker.stop)
  if (problem !== undefined) return `Not OK: ${problem}`
  state.deployedUrl = url
  return `OK: better by ${gain.toFixed(3)}`
}

async function iterate(worker: Worker, inference: Child, iteration: number, state: State): Promise<void> {
  const evalPath = await collect(worker, inference, iteration, state)
  const output = join(state.folder, `model-${iteration}.json`)
  const paces = ['--samples-per-second', trainSamplesPerSecond, '--seed', seed]
  const trainArgs = [
    '--model',
    state.deployedUrl,
    '--samples',
    state.trainPaths.join(','),
    '--output',
    output,
    '--epochs',
    epochs,
  ]
  await runStage(worker, { iteration, name: 'Train', module: 'train.js', args: [...trainArgs, ...paces] })
  const url = pathToFileURL(output).href
  const evalArgs = ['--candidate', url, '--deployed', state.deployedUrl, '--samples', evalPath]
  const args = [...evalArgs, '--samples-per-second', samplesPerSecond]
  const evaluator = await runStage(worker, { iteration, name: 'Eval', module: 'eval.js', args })
  const facts = { iterationNo: iteration, taskStage: 'Deploy', sampleNum: state.samples }
  tellAs(worker, { ...facts, deployStatus: 'Waiting' }, iteration)
  await worker.say()
  const outcome = await decide(worker, inference, await evaluator.receive<Evaluated>('evaluated', worker.stop), url, state)
  const [deployStatus = ''] = outcome.split(':')
  const taken = deployStatus === 'OK' ? { deployModelUrl: url } : {}
  worker.tell({ ...facts, deployStatus, ...taken }, iteration / iterations)
  worker.log(deployStatus === 'Not OK' ? 'ERROR' : 'INFO', `iteration ${iteration} deploy ${outcome}`)
  console.log(`iteration ${iteration}/${iterations}: ${outcome}`)
  await worker.say()
}

/** Makes the first model and puts the inference worker to work with it. */
async function prepare(folder: string): Promise<{ state: State; inference: Child }> {
  const trainPath = join(folder, 'train-samples-0.json')
  const first = firstSamples(Number(seed))
  await saveSamples(first, trainPath)
  const deployedUrl = await saveNetwork(firstModel(Number(seed)), join(folder, 'model-0.json'))
  const work = ['--model', deployedUrl, '--folder', folder, '--samples', samples, '--samples-per-second', samplesPerSecond]
  const args = [...resourceArgs(resource), ...work, '--seed', seed]
  const inference = startChild(new URL('inference.js', import.meta.url), args)
  return { inference, state: { folder, deployedUrl, trainPaths: [trainPath], samples: first.length } }
}

await runWorker(
  { resource, taskType: 'incremental_learning', name: `${resource.job}-controller`, node: 'edge1', role: 'controller' },
  async (worker) => {
    const isKept = flags.folder !== ''
    const folder = isKept ? flags.folder : await mkdtemp(join(tmpdir(), 'incremental-learning-'))
    await mkdir(folder, { recursive: true })
    const { state, inference } = await prepare(folder)
    try {
      for (let iteration = 1; iteration <= iterations; iteration++) await iterate(worker, inference, iteration, state)
      inference.process.send({ kind: 'leave' } satisfies Order)
      await inference.ended
      return 'is done'
    } finally {
      await stopChildren([inference])
      if (!isKept) await rm(folder, { recursive: true, force: true })
    }
  },
)
