/** Engines that report by plain requests, once a second, and between them show whatever a panel may be about. */
import { setTimeout as pause } from 'node:timers/promises'
import type { HttpClient } from './http.ts'

type Report = Readonly<Record<string, unknown>>

/** A fleet that reports until it is told to stop. */
export type BusyFleet = {
  /** Rounds so far, a second apart. */
  readonly rounds: () => number
  readonly stop: () => Promise<void>
}

/** The task that has a number, a resource or a time for every panel of the page of one task. */
export const shownJob = 'shown'

/** A line with these words is to be refused by Loki. */
export const refusedWords = 'nobody wants this line'

/** More than there is room for where `METRIC_NAMES_MAX` is small. */
const numbers = ['rowsRead', 'rowsWritten', 'rowsSkipped', 'filesRead', 'filesWritten', 'bytesSpilled']

const incarnation = '2026-01-01T00:00:00.000Z'

/** Starts to report. @throws from `stop` when a round was not answered with 200 */
export function startBusyFleet(aggregator: HttpClient): BusyFleet {
  const stopping = new AbortController()
  let round = 0
  const reporting = (async () => {
    while (!stopping.signal.aborted) {
      const answer = await aggregator.post('/api/v1/reports', reportsOf(round))
      const isBusy = answer.status === 429 || answer.status === 503
      if (answer.status !== 200 && !isBusy) throw new Error(`round ${round} was answered with ${answer.status}: ${answer.text}`)
      if (!isBusy) round += 1
      await pause(1000, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  })()
  // Seen by whoever stops the fleet; until then it is no unhandled rejection.
  reporting.catch(() => undefined)
  return {
    rounds: () => round,
    stop: () => {
      stopping.abort()
      return reporting
    },
  }
}

function reportsOf(round: number): Report[] {
  return [
    engine(round),
    shown(round),
    ended(round),
    ...waiting(),
    ...short(round),
    ...siblings(round),
    ...quick(round),
    ...odd(round),
  ]
}

function task(changes: Report): Report {
  return { taskType: 'sql', status: 'running', engine: { instance: 'etl-1', engineType: 'spark', incarnation }, ...changes }
}

/** An engine that says all there is to say about itself. */
function engine(round: number): Report {
  const facts = { engineVersion: '3.4.4', node: 'node-07', ticketId: 't-1', ecmInstance: 'node-07:9102', user: 'etl' }
  const stateSeconds = { idle: round, busy: 2 * round, locked: 0, unlocked: 0 }
  return {
    engine: { instance: 'etl-1', engineType: 'spark', incarnation, status: 'Busy', ...facts, stateSeconds },
    engineTaskCounts: { running: 6, pending: 2, succeeded: 2 * round, failed: round, limit: 8 },
  }
}

function shown(round: number): Report {
  const held = { queueMemory: 34_359_738_368, queueCores: 16, queueInstances: 4, jobStatus: 'RUNNING', queue: 'root.etl' }
  return task({
    jobId: shownJob,
    execId: 'shown-1',
    progress: Math.min(0.9, 0.02 * (round + 1)),
    progressInfo: [{ id: 'stage-0', totalTasks: 120, runningTasks: 16, failedTasks: 1, succeedTasks: 20 + round }],
    resourceMap: { application_1: held },
    usage: { cpuSeconds: 1.5 * round, memoryBytes: 104_857_600, gpuMemoryBytes: 1_048_576, gpuUtilizationRatio: 0.4 },
    algorithmMetrics: Object.fromEntries(numbers.map((name, index) => [name, round * (index + 1)])),
    logs: [{ level: 'INFO', line: `round ${round}` }],
  })
}

/** A second task of that job, which has ended. */
function ended(round: number): Report {
  return task({ jobId: shownJob, execId: 'shown-2', status: round < 3 ? 'running' : 'succeeded' })
}

function waiting(): Report[] {
  return [
    task({ jobId: 'patient', execId: 'patient-1', status: 'scheduled' }),
    task({ jobId: 'patient', execId: 'patient-2', status: 'waiting_for_retry' }),
    task({ jobId: 'stuck', execId: 'stuck-1', progress: 0.3 }),
  ]
}

/** One task is submitted, one starts and one ends in every round. */
function short(round: number): Report[] {
  const of = (number: number, changes: Report) =>
    task({ namespace: 'etl', jobId: `short-${number}`, execId: `short-${number}`, ...changes })
  const ends = [
    { status: 'succeeded' },
    { status: 'failed', error: { code: '40001', message: 'no such table' } },
    { status: 'timed_out' },
  ]
  return [of(round + 2, { status: 'scheduled' }), of(round + 1, {}), of(round, ends[round % ends.length] ?? {})]
}

/** Four tasks of one job, one of them far behind. */
function siblings(round: number): Report[] {
  const speeds = [0.02, 0.021, 0.022, 0.001]
  return speeds.map((speed, index) =>
    task({ jobId: 'siblings', execId: `sibling-${index}`, progress: Math.min(0.9, speed * (round + 1)) }),
  )
}

/** Many that take a second, and one that takes far longer. */
function quick(round: number): Report[] {
  const many = Array.from({ length: 30 }, (_, index) => `quick-${index}`)
  const names = round < 2 ? ['quick-first'] : many
  const status = round % 2 === 0 ? 'running' : 'succeeded'
  const slow = task({ jobId: 'slow', execId: 'slow-1', taskType: 'quick', progress: 0.1 })
  return [slow, ...(round > 3 ? [] : names.map((name) => task({ jobId: name, execId: name, taskType: 'quick', status })))]
}

/** What no engine should send: a status that nobody knows, a field that nobody reads, a gap in the numbers, a line that is refused. */
function odd(round: number): Report[] {
  const logs = [{ level: 'ERROR', line: `${refusedWords}: ${round}` }]
  return [
    task({ jobId: 'odd', execId: 'odd-1', status: 'Sleepwalking' }),
    task({
      jobId: 'odd',
      execId: 'odd-2',
      seq: 2 * round + 1,
      colourOfTheSky: 'blue',
      reportedAt: new Date().toISOString(),
      logs,
    }),
  ]
}
