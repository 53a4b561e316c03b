/** An edge worker: reads digits with the small model, and has the cloud read those that it is not sure of. */
import { draw } from '../learning/digits.ts'
import { driftWatch, inkOf } from '../learning/drift.ts'
import { loadNetwork } from '../learning/files.ts'
import { Latency } from '../learning/latency.ts'
import type { Network } from '../learning/network.ts'
import { randomOf } from '../learning/random.ts'
import { paceOf, rarely } from '../pace.ts'
import { resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker, type Worker } from '../sedna-worker/worker.ts'
import { amount, count, readFlags } from '../settings.ts'
import { handAt } from './models.ts'

const flags = readFlags('An edge worker of the joint inference; main.js starts as many as it needs.', {
  ...resourceFlags('joint'),
  number: { default: '1', about: 'which edge worker this is, from 1' },
  model: { default: '', about: 'file: URL of the small model' },
  cloud: { default: '', about: 'where the cloud worker listens, e.g. http://127.0.0.1:4000' },
  samples: { default: '0', about: 'leaves after so many samples; 0 = never' },
  turn: { default: '500', about: 'how many samples one writer has' },
  'samples-per-second': { default: '20', about: 'how fast samples come' },
  'deadline-ms': { default: '250', about: 'how long the cloud may take' },
  seed: { default: '1', about: 'what the samples are drawn by' },
})
const resource = resourceFrom(flags)
const number = count('number', flags.number)
const samplesMax = flags.samples === '0' ? Number.POSITIVE_INFINITY : count('samples', flags.samples)
const turn = count('turn', flags.turn)
const pace = paceOf(amount('samples-per-second', flags['samples-per-second']))
const deadlineMs = count('deadline-ms', flags['deadline-ms'])
const random = randomOf(count('seed', flags.seed), 6, number)
/** Below this the small model is not sure enough. */
const hardBelow = 0.6
/** The drift takes longer to compute than a digit to read. */
const newsEveryMs = 250

/** What has happened since this worker began. */
const totals = { samples: 0, hard: 0, cloudErrors: 0, right: 0, rightAlone: 0 }
const edgeLatency = new Latency()
const cloudLatency = new Latency()
const drift = { confidence: driftWatch(), ink: driftWatch() }

/** Failed requests since the cloud last helped: only the first of a row is worth a line. */
let failedInARow = 0

function didNotHelp(error: unknown, worker: Worker): void {
  totals.cloudErrors++
  failedInARow++
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const words = cause instanceof Error ? cause.message || cause.name : String(cause)
  if (failedInARow === 1) worker.log('ERROR', `the cloud does not help: ${words}`)
}

function helped(worker: Worker): void {
  if (failedInARow > 0) worker.log('INFO', `the cloud helps again, after ${failedInARow} requests that failed`)
  failedInARow = 0
}

/** Asks the cloud. @returns `undefined` when it did not answer in time */
async function askCloud(pixels: Float32Array, worker: Worker): Promise<number | undefined> {
  const startedMs = performance.now()
  try {
    const signal = AbortSignal.any([worker.stop, AbortSignal.timeout(deadlineMs)])
    const body = Uint8Array.from(pixels, (pixel) => Math.round(255 * pixel))
    const response = await fetch(flags.cloud, { method: 'POST', body, signal })
    if (!response.ok) throw new Error(`the cloud answered ${response.status}`)
    const { digit } = (await response.json()) as { digit: number }
    helped(worker)
    return digit
  } catch (error) {
    if (worker.stop.aborted) throw error
    didNotHelp(error, worker)
    return undefined
  } finally {
    cloudLatency.add((performance.now() - startedMs) / 1000)
  }
}

/** Reads one digit: alone, and with the cloud where that is not sure enough. */
async function read(network: Network, worker: Worker): Promise<void> {
  const sample = draw(random.below(10), handAt(totals.samples, turn), random)
  const startedMs = performance.now()
  const { digit, confidence } = network.guess(sample.pixels)
  edgeLatency.add((performance.now() - startedMs) / 1000)
  drift.confidence.see(confidence)
  drift.ink.see(2 * inkOf(sample.pixels))
  totals.samples++
  const isHard = confidence < hardBelow
  if (isHard) totals.hard++
  const answer = isHard ? ((await askCloud(sample.pixels, worker)) ?? digit) : digit
  if (answer === sample.digit) totals.right++
  if (digit === sample.digit) totals.rightAlone++
}

function tell(worker: Worker): void {
  const scores = Object.entries(drift).flatMap(([feature, watch]) => {
    const score = watch.score()
    return score === undefined ? [] : [[feature, score] as const]
  })
  worker.tell({
    miningMode: 'inference-then-mining',
    sampleNum: totals.samples,
    edgeInferenceCount: edgeLatency.histogram().count,
    cloudInferenceCount: cloudLatency.histogram().count,
    hardSampleNum: totals.hard,
    cloudErrorCount: totals.cloudErrors,
    edgeInferenceSeconds: edgeLatency.histogram(),
    cloudInferenceSeconds: cloudLatency.histogram(),
    ...(scores.length === 0 ? {} : { driftScore: Object.fromEntries(scores) }),
  })
}

function sum(): string {
  const share = (part: number) => `${((100 * part) / Math.max(1, totals.samples)).toFixed(1)} %`
  const { samples, hard, right, rightAlone, cloudErrors } = totals
  const errors = `${cloudErrors} errors`
  return `${samples} samples, ${hard} hard, ${errors}; right ${share(right)}, without the cloud ${share(rightAlone)}`
}

await runWorker(
  {
    resource,
    taskType: 'joint_inference',
    name: `${resource.job}-edge-${number}`,
    node: `edge${number}`,
    role: 'edge_inference',
  },
  async (worker) => {
    const network = await loadNetwork(flags.model)
    const isNewsDue = rarely(newsEveryMs)
    tell(worker)
    await worker.say()
    try {
      while (totals.samples < samplesMax && !worker.stop.aborted) {
        await read(network, worker)
        if (isNewsDue()) tell(worker)
        if (totals.samples % turn === 0 && totals.samples < samplesMax) worker.log('INFO', sum())
        await pace(1, worker.stop)
      }
    } finally {
      tell(worker)
      console.log(`edge${number}: ${sum()}`)
    }
    worker.log('INFO', sum())
    return 'is done'
  },
)
