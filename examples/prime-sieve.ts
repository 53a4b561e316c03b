/** Counts primes for a long time. A signal ends it; the task is then reported as cancelled, with what had been found. */
import { setImmediate as breathe } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createReporter } from 'enginescope/reporter'
import { aggregator, count } from './settings.ts'
import { sieve } from './sieve.ts'

const { values } = parseArgs({
  options: {
    below: { type: 'string', default: '20000000000' },
    job: { type: 'string', default: `primes-${process.pid}` },
    instance: { type: 'string' },
  },
})
const below = count('below', values.below)

// Without a name of its own, an engine is called by its host and process.
const instance = values.instance === undefined ? {} : { instance: values.instance }

const stop = new AbortController()
// `on`, not `once`: a handler that is gone when the reporter looks would leave the end of the task to the reporter.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal))

const scope = createReporter({ ...aggregator(), engine: { engineType: 'sieve', engineVersion: '1', ...instance }, taskLimit: 1 })
const task = scope.task({ jobId: values.job, execId: 'sieve', taskType: 'prime_sieve' })
task.log('INFO', `counting the primes below ${below}`)

const startedMs = performance.now()
let percent = -1
let found = 0
for (const { sieved, primes } of sieve(below)) {
  if (stop.signal.aborted) break
  found = primes
  const seconds = (performance.now() - startedMs) / 1000
  task.update({
    progress: sieved / below,
    algorithmMetrics: { primesFound: primes, numbersPerSecond: Math.round(sieved / seconds) },
  })
  if (Math.floor((100 * sieved) / below) > percent) {
    percent = Math.floor((100 * sieved) / below)
    console.log(`${percent}%`)
    if (percent % 5 === 0) task.log('INFO', `${percent} %: ${primes} primes up to ${sieved}`)
  }
  // Signals and reports get their turn between two segments.
  await breathe()
}

if (stop.signal.aborted) await task.cancel(`${stop.signal.reason} after ${found} primes`)
else await task.finish('succeeded')
await scope.close()
console.log(`${found} primes`)
process.exit(stop.signal.aborted ? 143 : 0)
