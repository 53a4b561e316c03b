/** Reports that are taken as numbers alone must do all that the rules would have done with them, and nothing else. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aTask } from '../../../test/support/series.ts'
import { reportParser } from '../../report/parse.ts'
import type { Report } from '../../report/report.ts'
import { jobName, keysFor } from '../keys.ts'
import type { ScopeEvent } from '../records.ts'
import { type Effects, noEffects } from '../rules/effects.ts'
import { applyReport } from '../rules/job-rules.ts'
import type { JobRules } from '../rules/job-state.ts'
import { closeGaps, setStraggler, watchTask } from '../rules/operations.ts'
import type { Change } from '../store/change.ts'
import { encodeJob } from '../store/job-encoder.ts'
import { LoadedJob } from '../store/loaded-job.ts'
import { execFields, execFrom, jobFields, jobFrom } from '../store/record-text.ts'
import { SteadyTask } from './steady-task.ts'

const beganAtMs = 1_700_000_000_000
const tasks = ['t0', 't1'] as const
const keys = keysFor(1)
const name = jobName('default', 'j1')
const rules: JobRules = {
  gaps: { rangesMax: 4, rangesInAnswerMax: 2 },
  metricKind: (_type, field) => (field.endsWith('Count') ? 'counter' : 'gauge'),
  learning: new Map(),
  bounds: { durationSeconds: [1, 10], queueSeconds: [1, 10] },
  gapTimeoutMs: 20_000,
  retentionMs: 86_400_000,
  lostAfterMs: 60_000,
  lingerMs: 300_000,
  stalledAfterMs: 2_000,
  tasksMax: 100,
  attemptsMax: 5,
}
const limits = { tailBytesMax: 4_096, tailRetentionMs: 600_000, historySamplesMax: 50, openJobsMax: 10, lingerMs: 300_000 }

/** One report as it differs from the usual one, which comes next, runs and has all fields. */
type Step = {
  readonly task: number
  readonly seq: 'next' | 'skipped' | 'again' | 'late' | 'none'
  readonly status: string | undefined
  readonly progress: number | undefined
  readonly afterMs: number
  readonly reportedAgoMs: number | undefined
  readonly changes: Readonly<Record<string, unknown>>
  readonly hasRoomForLines: boolean
  /** What the shard's owner does to the task after that. */
  readonly care: 'watch' | 'close gaps' | 'mark' | undefined
  /** The commit is written after this report. */
  readonly isLast: boolean
  /** When it begins a commit: all other tasks of the job were dropped from memory before. */
  readonly dropsOthers: boolean
}

const usually = <T>(value: T, weight: number, ...others: fc.WeightedArbitrary<T>[]) =>
  fc.oneof({ arbitrary: fc.constant(value), weight }, ...others)
const seldom = <T>(...values: T[]): fc.WeightedArbitrary<T> => ({ arbitrary: fc.constantFrom(...values), weight: 1 })
const whole = (max: number) => fc.integer({ min: 0, max })

const stages = fc.tuple(whole(9), whole(9)).map(([running, succeeded]) => [
  { id: 'map', totalTasks: 20, runningTasks: running, failedTasks: 0, succeedTasks: succeeded },
  { id: 'reduce', totalTasks: 5, runningTasks: 0, failedTasks: 0, succeedTasks: 0 },
])
const application = (memory: number, jobStatus = 'RUNNING') => ({
  queueMemory: memory,
  queueCores: 2,
  queueInstances: 1,
  jobStatus,
  queue: 'root',
})
const changes = fc.record(
  {
    progressInfo: fc.oneof(
      { arbitrary: stages, weight: 40 },
      seldom<unknown[]>([], [{ id: 'map', totalTasks: 1 }], [{ id: 'map' }, { id: 'sort' }]),
    ),
    resourceMap: fc.oneof(
      { arbitrary: whole(99).map((memory) => ({ a1: application(memory) })), weight: 40 },
      seldom<object>({}, { a2: application(5) }, { a1: application(0, 'FINISHED') }, { a1: application(3, 'PREP') }),
    ),
    usage: fc.oneof(
      { arbitrary: fc.record({ cpuSeconds: whole(50), memoryBytes: whole(999) }), weight: 40 },
      seldom<object>({}, { memoryBytes: 7 }, { cpuSeconds: 3, gpuMemoryBytes: 5 }),
    ),
    algorithmMetrics: fc.oneof(
      { arbitrary: fc.record({ loss: fc.double({ min: -5, max: 5, noNaN: true }), epoch: whole(9) }), weight: 40 },
      seldom<object>({}, { epoch: 3 }, { epoch: 3, loss: 0.5 }, { loss: 'high' }, { loss: 1, rowCount: 4 }, { other: 2 }),
    ),
    engineTaskCounts: fc.record({ running: whole(3) }),
    logs: fc.array(fc.record({ ts: whole(5_000).map((ms) => beganAtMs + ms), line: fc.constantFrom('one', 'two') }), {
      maxLength: 3,
    }),
  },
  { requiredKeys: ['usage', 'algorithmMetrics'] },
)
const rare = fc.constantFrom<Readonly<Record<string, unknown>>>(
  { attributes: { queue: 'q' } },
  { error: { code: '7', message: 'no' } },
  { metadata: { a: 1 } },
  { attempt: 2 },
  { scope: 'job' },
  { engine: { instance: 'e1:1', incarnation: '2020-01-01T00:00:00Z', user: 'other' } },
  { engine: { instance: 'e1:1', incarnation: '2021-01-01T00:00:00Z' } },
  { engine: { instance: 'e1:1' } },
  { engine: { instance: 'e2:1', incarnation: '2020-01-01T00:00:00Z' } },
)
const step: fc.Arbitrary<Step> = fc.record({
  task: usually(0, 5, seldom(1)),
  seq: usually<Step['seq']>('next', 40, seldom<Step['seq']>('skipped', 'again', 'late', 'none')),
  status: usually<string | undefined>('Running', 50, seldom('Suspended', 'Succeed', 'Failed', 'Inited', undefined)),
  progress: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined, freq: 4 }),
  afterMs: fc.oneof({ arbitrary: whole(800), weight: 9 }, { arbitrary: whole(90_000), weight: 1 }),
  reportedAgoMs: fc.oneof({ arbitrary: fc.constant(undefined), weight: 1 }, { arbitrary: whole(300), weight: 3 }),
  changes: fc.oneof(
    { arbitrary: changes, weight: 40 },
    { arbitrary: fc.tuple(changes, rare).map(([usual, extra]) => ({ ...usual, ...extra })), weight: 1 },
  ),
  hasRoomForLines: usually(true, 15, seldom(false)),
  care: usually<Step['care']>(undefined, 30, seldom<Step['care']>('watch', 'close gaps', 'mark')),
  isLast: usually(true, 2, seldom(false)),
  dropsOthers: usually(false, 20, seldom(true)),
})

/** How the engines of a history name themselves. */
type Names = { readonly areStartsNamed: boolean; readonly hasTwoEngines: boolean }

const names: fc.Arbitrary<Names> = fc.record({ areStartsNamed: fc.boolean(), hasTwoEngines: fc.boolean() })

type Sent = { readonly report: Report; readonly atMs: number; readonly stampUs: number; readonly step: Step }

const parse = reportParser()

function sentOf(steps: readonly Step[], { areStartsNamed, hasTwoEngines }: Names): Sent[] {
  const seqs = tasks.map(() => 0)
  let atMs = beganAtMs
  return steps.map((step, i) => {
    atMs += step.afterMs
    const known = seqs[step.task] ?? 0
    const seq = { next: known + 1, skipped: known + 3, again: known || 1, late: Math.max(1, known - 1), none: undefined }[
      step.seq
    ]
    seqs[step.task] = Math.max(known, seq ?? 0)
    const item = {
      jobId: 'j1',
      execId: tasks[step.task],
      taskType: 'sql',
      ...(seq === undefined ? {} : { seq }),
      // Without either it is no report.
      ...(step.status === undefined ? { progress: 0.5 } : { status: step.status }),
      ...(step.progress === undefined ? {} : { progress: step.progress }),
      ...(step.reportedAgoMs === undefined ? {} : { reportedAt: atMs - step.reportedAgoMs }),
      engine: {
        instance: hasTwoEngines && step.task === 1 ? 'e2:1' : 'e1:1',
        engineType: 'spark',
        ...(areStartsNamed ? { incarnation: '2020-01-01T00:00:00Z' } : {}),
        user: 'etl',
      },
      ...step.changes,
    }
    const parsed = parse(item, atMs)
    if (!parsed.isValid) throw new Error(`${parsed.rejection.path}: ${parsed.rejection.message}`)
    return { report: parsed.report, atMs, stampUs: atMs * 1_000 + i, step }
  })
}

/** What listeners end up with. */
function lastWords(events: readonly ScopeEvent[]): Record<string, unknown> {
  const words: Record<string, unknown> = {}
  for (const event of events) {
    if (event.kind === 'task')
      words[`task ${event.record.task} of ${event.record.engine.instance} ${event.record.attempt}`] = event.record
    else if (event.kind === 'job') words['job'] = event.record
    else words[JSON.stringify(event)] = true
  }
  return words
}

class Player {
  readonly state = new LoadedJob({ record: 'job', tail: 'tail' }, undefined)
  readonly #fields = new Map<string, string>()
  readonly #isSteady: boolean
  taken = 0

  constructor(isSteady: boolean) {
    this.#isSteady = isSteady
    for (const task of tasks) {
      this.state.execs.set(task, undefined)
      this.state.older.set(task, [])
    }
  }

  /** One commit. @returns all that can be seen of it */
  play(batch: readonly Sent[]): unknown {
    this.#load(batch)
    const known = this.state.beginTrace()
    const effects = noEffects()
    const outcomes = batch.map((sent) => {
      const outcome = this.#take(sent, effects)
      this.#care(sent, effects)
      return outcome
    })
    const change = encodeJob({
      shard: 0,
      name,
      keys,
      limits,
      gate: { isShipping: true, hasRoom: () => true },
      held: { token: 'x', state: this.state },
      known,
      effects,
      token: 'y',
    })
    this.#store(change)
    const { counters, lines, ownLines, samples, timers, runs, waiting } = effects
    return {
      outcomes,
      effects: { counters, lines, ownLines, samples, timers, runs, waiting },
      events: plain(lastWords(effects.events)),
      commands: change.commands,
      written: change.fields.filter((_, i) => i % 2 === 0).sort(),
      announced: change.events.flatMap((lines) => lines.split('\n')).sort(),
      stored: this.#stored(),
    }
  }

  #load(batch: readonly Sent[]): void {
    const wanted = new Set(batch.map(({ report }) => report.execId ?? ''))
    if (batch[0]?.step.dropsOthers === true) this.state.keepTasks(wanted)
    for (const task of wanted) {
      if (this.state.execs.has(task)) continue
      this.state.execs.set(task, execFrom(execFields(task).map((field) => this.#fields.get(field))))
      this.state.older.set(task, JSON.parse(this.#fields.get(`o:${task}`) ?? '[]'))
    }
  }

  #take({ report, atMs, stampUs, step }: Sent, effects: Effects) {
    const arrival = { report, atMs, stampUs }
    const execId = report.execId ?? ''
    const moved = this.#isSteady ? this.state.move(execId, arrival, step.hasRoomForLines, rules, effects) : undefined
    if (moved !== undefined) {
      this.taken += 1
      return moved
    }
    this.state.catchUp(effects)
    const labels = { namespace: 'default', taskType: 'sql', engineType: 'spark' }
    const circumstances = { labels, hasRoomForJob: true, hasRoomForLines: step.hasRoomForLines }
    return applyReport(this.state, arrival, circumstances, rules, effects)
  }

  #care({ report, atMs, step: { care } }: Sent, effects: Effects): void {
    if (care === undefined) return
    this.state.catchUp(effects)
    const place = { execId: report.execId ?? '', engineKey: report.engine.instance }
    if (care === 'watch') watchTask(this.state, place, atMs, () => undefined, rules, effects)
    else if (care === 'mark') setStraggler(this.state, place, true, atMs, effects)
    else closeGaps(this.state, place.execId, atMs, rules, effects)
  }

  #store({ fields }: Change): void {
    for (let i = 0; i < fields.length; i += 2) this.#fields.set(fields[i] ?? '', fields[i + 1] ?? '')
  }

  #stored() {
    const read = (names: readonly string[]) => names.map((field) => this.#fields.get(field))
    return { job: jobFrom(read(jobFields)), execs: tasks.map((task) => execFrom(read(execFields(task)))) }
  }
}

const aPace = { movedAtMs: beganAtMs, steps: 0, gapsMs: 0, longestGapMs: 0, tenthsMs: [] }

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function commitsOf(sent: readonly Sent[]): Sent[][] {
  const commits: Sent[][] = [[]]
  for (const each of sent) {
    commits.at(-1)?.push(each)
    if (each.step.isLast) commits.push([])
  }
  return commits.filter((commit) => commit.length > 0)
}

describe('reports that only move numbers', () => {
  test('do in any history what the rules would have done', () => {
    let taken = 0
    let sent = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 40 }), names, (steps, naming) => {
        const [steady, ruled] = [new Player(true), new Player(false)]
        for (const commit of commitsOf(sentOf(steps, naming))) expect(steady.play(commit)).toEqual(ruled.play(commit))
        taken += steady.taken
        sent += steps.length
      }),
      { numRuns: 600 },
    )
    // Else nothing was compared.
    expect(taken / sent).toBeGreaterThan(0.15)
  })

  test('are none of a task with a metric that the catalogue has come to call a counter', () => {
    const still = aTask({ streams: [{ incarnation: '', newest: 1, missing: [] }], pace: aPace, hasProgress: true })
    expect(SteadyTask.of({ ...still, metrics: { rows: 1 } }, rules)).toBeDefined()
    expect(SteadyTask.of({ ...still, metrics: { rowCount: 1 } }, rules)).toBeUndefined()
  })
})
