/** Makes both models, puts a cloud worker and edge workers to work with them, and starts anew what leaves or falls. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawMany, plainHand } from '../learning/digits.ts'
import { saveNetwork } from '../learning/files.ts'
import { randomOf } from '../learning/random.ts'
import { accuracyOf } from '../learning/scores.ts'
import { type Child, startChild, stopChildren } from '../sedna-worker/child.ts'
import { resourceArgs, resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { exitCodeOf, stopSignal } from '../sedna-worker/worker.ts'
import { aggregator, count, readFlags } from '../settings.ts'
import { cloudModel, edgeModel } from './models.ts'

const flags = readFlags(
  'Joint inference: small models at the edge read digits and have a large one in the cloud read the hard ones.',
  {
    ...resourceFlags(`joint-${process.pid}`),
    edges: { default: '2', about: 'how many edge workers there are' },
    samples: { default: '0', about: 'ends after so many samples of each edge worker; 0 = never' },
    turn: { default: '500', about: 'how many samples one writer has' },
    'samples-per-second': { default: '20', about: 'how fast samples come to each edge worker' },
    'deadline-ms': { default: '250', about: 'how long the cloud may take' },
    'cloud-requests-max': { default: '400', about: 'the cloud worker is started anew after so many requests' },
    seed: { default: '1', about: 'what samples and weights are drawn by' },
  },
)
aggregator()
const resource = resourceFrom(flags)
const edges = count('edges', flags.edges)
const seed = count('seed', flags.seed)
/** A worker that falls is started anew this often. */
const fallsMax = 5
const stop = stopSignal()
const children = new Set<Child>()

type Listening = { readonly kind: 'listening'; readonly port: number }

function start(module: string, args: readonly string[]): Child {
  const child = startChild(new URL(module, import.meta.url), [...resourceArgs(resource), ...args])
  console.log(`${module.replace('.js', '')}${args[0] === '--number' ? args[1] : ''} is process ${child.process.pid}`)
  children.add(child)
  void child.ended.then(() => children.delete(child))
  return child
}

/** Keeps a worker there until `over`. @throws when it has fallen too often */
async function keep(over: AbortSignal, startOne: () => Child, isDone: (end: number | string) => boolean): Promise<void> {
  for (let falls = 0; !over.aborted; ) {
    const end = await startOne().ended
    if (over.aborted || isDone(end)) return
    if (end !== 0) falls++
    if (falls > fallsMax) throw new Error(`a worker ended with ${end} for the ${falls}th time`)
  }
}

async function models(folder: string): Promise<{ edge: string; cloud: string }> {
  const [edge, cloud] = [edgeModel(seed), cloudModel(seed)]
  const held = drawMany(500, plainHand, randomOf(seed, 7))
  const words = [edge, cloud].map((model) => `${(100 * accuracyOf(model, held)).toFixed(1)} %`)
  console.log(`of unseen digits the small model reads ${words[0]}, the large one ${words[1]}`)
  return { edge: await saveNetwork(edge, join(folder, 'edge.json')), cloud: await saveNetwork(cloud, join(folder, 'cloud.json')) }
}

async function serve(folder: string): Promise<void> {
  const model = await models(folder)
  const requestsMax = ['--requests-max', String(count('cloud-requests-max', flags['cloud-requests-max']))]
  const startCloud = (port: number) => start('cloud.js', ['--model', model.cloud, '--port', String(port), ...requestsMax])
  const first = startCloud(0)
  const { port } = await first.receive<Listening>('listening', stop)
  const done = new AbortController()
  const over = AbortSignal.any([stop, done.signal])
  let current = first
  const nextCloud = () => {
    if (children.has(current)) return current
    current = startCloud(port)
    return current
  }
  const cloud = keep(over, nextCloud, () => false)
  const pace = ['--samples-per-second', flags['samples-per-second'], '--deadline-ms', flags['deadline-ms'], '--seed', flags.seed]
  const work = ['--samples', flags.samples, '--turn', flags.turn, '--model', model.edge, '--cloud', `http://127.0.0.1:${port}`]
  const all = Array.from({ length: edges }, (_, index) =>
    keep(
      over,
      () => start('edge.js', ['--number', String(index + 1), ...work, ...pace]),
      (end) => end === 0,
    ),
  )
  try {
    const stopped = new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }))
    await Promise.race([Promise.all(all), cloud, stopped])
    done.abort()
    // Nothing is left to be read: the cloud's work is done, not cancelled.
    if (!stop.aborted && current.process.connected) current.process.send({ kind: 'leave' })
    if (!stop.aborted) await current.ended
  } finally {
    done.abort()
    await stopChildren([...children])
  }
}

const folder = await mkdtemp(join(tmpdir(), 'joint-inference-'))
let code = 0
try {
  await serve(folder)
} catch (error) {
  code = 1
  if (!stop.aborted) console.error(error instanceof Error ? error.message : error)
} finally {
  await stopChildren([...children])
  await rm(folder, { recursive: true, force: true })
}
process.exit(stop.aborted ? exitCodeOf(stop) : code)
