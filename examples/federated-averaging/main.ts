/** The aggregation worker: starts the nodes, averages what they make of the global model, round after round. */
import { Network } from '../learning/network.ts'
import { randomOf } from '../learning/random.ts'
import { accuracyOf } from '../learning/scores.ts'
import { type Child, startChild, stopChildren } from '../sedna-worker/child.ts'
import { resourceArgs, resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { aggregator, amount, count, readFlags } from '../settings.ts'
import { averageOf } from './average.ts'
import { type Exchange, openExchange } from './exchange.ts'
import { shape, testSamples } from './shards.ts'

const flags = readFlags(
  'Federated averaging over several nodes, of which the last is slow: digits are learnt that no node has all of.',
  {
    ...resourceFlags(`federated-${process.pid}`),
    nodes: { default: '3', about: 'how many nodes train' },
    rounds: { default: '12', about: 'how many rounds there are' },
    'samples-per-second': { default: '400', about: 'how fast a node trains at most' },
    'slow-samples-per-second': { default: '50', about: 'the same for the last node' },
    seed: { default: '1', about: 'what samples and first weights are drawn by' },
  },
)
aggregator()
const nodes = count('nodes', flags.nodes)
const rounds = count('rounds', flags.rounds)
const seed = count('seed', flags.seed)
const paces = [flags['samples-per-second'], flags['slow-samples-per-second']].map((pace) => amount('samples-per-second', pace))
const resource = resourceFrom(flags)
const names = Array.from({ length: nodes }, (_, index) => `edge${index + 1}`)

function startNode(number: number, url: string): Child {
  const place = ['--aggregator', url, '--number', String(number), '--nodes', String(nodes)]
  const pace = paces[number === nodes ? 1 : 0]
  const work = ['--rounds', String(rounds), '--samples-per-second', String(pace), '--seed', String(seed)]
  return startChild(new URL('node.js', import.meta.url), [...resourceArgs(resource), ...place, ...work])
}

/** Rejects when a node is gone though there are rounds left: without its share there is no mean over all. */
function firstLoss(children: readonly Child[]): Promise<never> {
  return Promise.race(
    children.map(async ({ ended }, index) => {
      const end = await ended
      throw new Error(`${names[index]} ended with ${end} before the last round`)
    }),
  )
}

async function aggregate(worker: Worker, exchange: Exchange): Promise<void> {
  const network = new Network(shape, randomOf(seed))
  const held = testSamples(seed)
  for (let round = 1; round <= rounds; round++) {
    const { updates, waitSeconds, durationSeconds } = await exchange.round(round, network.parameters, worker.stop)
    const mean = averageOf(updates)
    network.parameters.set(mean.parameters)
    const testAccuracy = accuracyOf(network, held)
    const totalSampleNum = updates.reduce((sum, { samples }) => sum + samples, 0)
    const facts = { aggregationNo: round, exitRound: rounds, trainNodes: names, totalSampleNum, testAccuracy }
    const times = { waitSeconds, roundDurationSeconds: durationSeconds }
    const trainStatus = round === rounds ? 'completed' : 'running'
    worker.tell({ ...facts, ...times, aggregatedLoss: mean.loss, trainStatus }, round / rounds)
    const line = `round ${round}/${rounds}: loss ${mean.loss.toFixed(4)}, ${(100 * testAccuracy).toFixed(1)} % of unseen digits right`
    worker.log('INFO', `${line}, waited ${waitSeconds.toFixed(1)} s`)
    console.log(line)
    await worker.say()
  }
}

await runWorker(
  { resource, taskType: 'federated_learning', name: `${resource.job}-aggregation`, node: 'cloud', role: 'aggregation' },
  async (worker) => {
    const exchange = await openExchange(names)
    const children = names.map((_, index) => startNode(index + 1, exchange.url))
    for (const [index, child] of children.entries()) console.log(`${names[index]} is process ${child.process.pid}`)
    worker.tell({ exitRound: rounds, trainNodes: names, trainStatus: 'running' }, 0)
    worker.log('INFO', `${nodes} nodes train for ${rounds} rounds`)
    const loss = firstLoss(children)
    try {
      await Promise.race([aggregate(worker, exchange), loss])
      loss.catch(() => undefined)
      exchange.close()
      await Promise.all(children.map(({ ended }) => ended))
      return 'is done'
    } finally {
      // First the nodes: one that is told that there is no further round would call itself completed.
      await stopChildren(children)
      exchange.close()
    }
  },
)
