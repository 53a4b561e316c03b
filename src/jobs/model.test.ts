import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { JobModel, type ModelReport } from '../../test/model/job-model.ts'
import { openTestStore, type TestStore, testSettings } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { ScopeError } from '../errors.ts'
import { type ExecRecord, type TaskRecord, totalOf } from './records.ts'
import { execFrom, numbersFieldOf } from './store/record-text.ts'

/** More runs for a longer look. The seed of a failure is printed by fast-check. */
const numRuns = Number(process.env['ENGINESCOPE_MODEL_RUNS'] ?? 60)

const suite = jobSuite()
const settings = { gaps: { rangesMax: 1_000, rangesInAnswerMax: 16 }, engineLingerMs: 10_000_000 }
const { lostAfterMs, gapTimeoutMs } = testSettings

const statuses = ['scheduled', 'running', 'running', 'running', 'suspended', 'succeeded', 'failed', 'cancelled'] as const

const aModelReport: fc.Arbitrary<Omit<ModelReport, 'lines'>> = fc.record({
  jobId: fc.constantFrom('j1', 'j2'),
  execId: fc.constantFrom('t1', 't2'),
  engine: fc.constantFrom('e1:1', 'e2:2'),
  incarnation: fc.constantFrom(1_000, 1_000, 2_000, 3_000),
  attempt: fc.constantFrom(1, 1, 1, 2, 3),
  seq: fc.integer({ min: 1, max: 9 }),
  status: fc.constantFrom(...statuses),
  progress: fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10),
  cpuSeconds: fc.integer({ min: 0, max: 50 }),
  engineSucceeded: fc.integer({ min: 0, max: 20 }),
})

type Step =
  | { readonly do: 'send'; readonly reports: readonly Omit<ModelReport, 'lines'>[]; readonly replica: number }
  /** The commit is made, its answer is lost, and the sender repeats the report, to either replica. */
  | { readonly do: 'lose'; readonly report: Omit<ModelReport, 'lines'>; readonly replica: number; readonly commit: number }
  | { readonly do: 'repeat'; readonly pick: number; readonly replica: number }
  | { readonly do: 'restart'; readonly replica: number }
  | { readonly do: 'pass'; readonly ms: number }

const replica = fc.integer({ min: 0, max: 1 })
const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      reports: fc.array(aModelReport, { minLength: 1, maxLength: 4 }),
      replica,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), pick: fc.nat(), replica }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      report: aModelReport,
      replica,
      commit: fc.integer({ min: 0, max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), replica }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1_000, 30_000, 61_000, 601_000) }) },
)

const onTheWire = (report: ModelReport) => ({
  jobId: report.jobId,
  execId: report.execId,
  taskType: 'sql',
  attempt: report.attempt,
  seq: report.seq,
  status: report.status,
  progress: report.progress,
  usage: { cpuSeconds: report.cpuSeconds },
  engine: { instance: report.engine, engineType: 'spark', incarnation: String(report.incarnation) },
  engineTaskCounts: { succeeded: report.engineSucceeded },
  logs: report.lines.map((line) => ({ line })),
})

/** A client whose answer to a commit, the next but so many, is lost after the commit was made. */
function losingAnswers(client: Redis) {
  let left = Number.POSITIVE_INFINITY
  return {
    client,
    loseAfter: (commits: number) => {
      left = commits
    },
    /** To be called when the store has defined its command. */
    arm() {
      const commands = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
      const commit = commands['scopeCommit']?.bind(client)
      commands['scopeCommit'] = async (...args) => {
        const answer = await commit?.(...args)
        left -= 1
        if (left !== -1) return answer
        left = Number.POSITIVE_INFINITY
        throw new Error('Command timed out')
      }
    },
  }
}

class World {
  readonly model = new JobModel({ lostAfterMs, gapTimeoutMs })
  readonly time = { aheadMs: 0 }
  readonly #clients = [losingAnswers(suite.server.client()), losingAnswers(suite.server.client())]
  readonly #replicas: TestStore[] = []
  readonly #sent: ModelReport[] = []
  #nowMs = 0

  constructor() {
    for (const i of [0, 1]) this.#open(i)
  }

  #open(i: number): void {
    const link = this.#clients[i]
    if (link === undefined) throw new Error(`no client ${i}`)
    this.#replicas[i] = openTestStore(link.client, { time: this.time, settings })
    link.arm()
  }

  close(): void {
    for (const { client } of this.#clients) client.disconnect()
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'send':
        return this.#send(
          step.reports.map((report) => this.#withLine(report)),
          step.replica,
        )
      case 'repeat': {
        const report = this.#sent[step.pick % Math.max(1, this.#sent.length)]
        return report === undefined ? undefined : this.#send([report], step.replica)
      }
      case 'lose':
        return this.#lose(this.#withLine(step.report), step.replica, step.commit)
      case 'restart':
        return this.#open(step.replica)
      case 'pass':
        this.#nowMs += step.ms
        this.time.aheadMs += step.ms
    }
  }

  /** Owners sweep every second: nothing is left due when the next step comes. */
  async sweep(): Promise<void> {
    this.time.aheadMs += 1
    await Promise.all(this.#replicas.map((each) => each.sweepAll()))
    this.model.sweep(this.#nowMs)
  }

  /** Lines are told apart by the report that brought them first. */
  #withLine(report: Omit<ModelReport, 'lines'>): ModelReport {
    const known = this.#sent.find((sent) => isSameReport(sent, report))
    const made = known ?? { ...report, lines: [`line ${this.#sent.length}`] }
    this.#sent.push(made)
    return made
  }

  async #send(reports: readonly ModelReport[], to: number): Promise<void> {
    const results = await this.#replicas[to]?.send(...reports.map(onTheWire))
    const expected = reports.map((report) => this.model.send(report, this.#nowMs))
    expect(results?.map((result) => result.outcome)).toEqual(expected)
  }

  async #lose(report: ModelReport, to: number, commit: number): Promise<void> {
    const expected = this.model.send(report, this.#nowMs)
    this.#clients[to]?.loseAfter(commit)
    const lost = await this.#replicas[to]?.send(onTheWire(report)).then(
      () => undefined,
      (error: unknown) => error,
    )
    this.#clients[to]?.loseAfter(Number.POSITIVE_INFINITY)
    expect(lost).toBeInstanceOf(ScopeError)
    expect((lost as ScopeError).code).toBe('REDIS_UNAVAILABLE')
    const [again] = (await this.#replicas[1 - to]?.send(onTheWire(report))) ?? []
    // The commit whose answer was lost may have been one that another replica's had made void.
    expect(['duplicate', expected]).toContain(again?.outcome)
  }
}

const isSameReport = (a: Omit<ModelReport, 'lines'>, b: Omit<ModelReport, 'lines'>) =>
  a.jobId === b.jobId &&
  a.execId === b.execId &&
  a.engine === b.engine &&
  a.incarnation === b.incarnation &&
  a.attempt === b.attempt &&
  a.seq === b.seq

async function stored() {
  const { redis, keys } = suite
  const jobs: Record<string, unknown> = {}
  for (const jobId of ['j1', 'j2']) {
    const job = await suite.job(jobId)
    if (job === undefined) continue
    const fields = await redis.hgetall(keys.job(keys.shardOfJob('default', jobId), 'default', jobId))
    const execs = Object.entries(fields).filter(([name]) => name.startsWith('t:'))
    jobs[jobId] = {
      status: job.status,
      progress: Math.round(job.progress * 1e6) / 1e6,
      tasks: Object.fromEntries(
        execs.map(([name, text]) => [name.slice(2), tasksSeen(execFrom([text, fields[numbersFieldOf(name)]]) as ExecRecord)]),
      ),
    }
  }
  const engines: Record<string, unknown> = {}
  for (const instance of ['e1:1', 'e2:2']) {
    const engine = await suite.engine(instance)
    if (engine === undefined) continue
    const state = engine.state === 'lost' ? 'lost' : 'live'
    engines[instance] = { restarts: engine.restarts, state, succeeded: totalOf(engine.finished.succeeded) ?? 0 }
  }
  return { jobs, engines, totals: totalsSeen(await suite.totals()), lines: (await suite.lines()).sort() }
}

function tasksSeen({ current }: ExecRecord) {
  const seen = ({ attempt, status, progress, usage, cpuSecondsCarried = 0 }: TaskRecord) => {
    return { attempt, status, progress, cpuSeconds: (totalOf(usage.cpuSeconds) ?? 0) + cpuSecondsCarried }
  }
  return Object.fromEntries(Object.entries(current).map(([engine, record]) => [engine, seen(record)]))
}

function totalsSeen(totals: Record<string, number>): Record<string, number> {
  const seen: Record<string, number> = {}
  for (const [field, value] of Object.entries(totals)) {
    const words = field.split(',')
    const name = { tasks: `tasks ${words[4]}`, finished: `finished ${words[4]}`, lost: 'lost', reportsLost: 'reportsLost' }[
      words[0] ?? ''
    ]
    if (name !== undefined) seen[name] = value
  }
  return seen
}

const sumOf = (totals: Record<string, number>, family: string) =>
  Object.entries(totals).reduce((sum, [field, value]) => (field.startsWith(`${family},`) ? sum + value : sum), 0)

test('after any history the store agrees with the model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 25 }), async (steps) => {
      await suite.redis.flushall()
      const world = new World()
      try {
        for (const step of steps) {
          await world.take(step)
          await world.sweep()
          expect(await stored()).toEqual(world.model.seen)
        }
        await world.take({ do: 'pass', ms: gapTimeoutMs + 1_000 })
        await world.sweep()
        expect(await stored()).toEqual(world.model.seen)
        const totals = await suite.totals()
        expect({ queued: sumOf(totals, 'queueCount'), ended: sumOf(totals, 'durationCount') }).toEqual(world.model.observed)
      } finally {
        world.close()
      }
    }),
    { numRuns, endOnFailure: process.env['ENGINESCOPE_MODEL_SHRINK'] === undefined },
  )
}, 1_000_000)
