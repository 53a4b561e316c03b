import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ExecRecord, JobRecord, TaskRecord } from '../records.ts'
import { execFrom, jobFrom, numbersText, writeExec, writeJob } from './record-text.ts'

const amount = fc.double({ min: 0, max: 2 ** 53, noNaN: true })
const whole = fc.nat(2 ** 31)
const names = fc.constantFrom('a', 'b', '7', 'x y')
const application = fc.record({
  applicationId: names,
  queueMemory: amount,
  queueCores: whole,
  queueInstances: whole,
  jobStatus: fc.constantFrom('RUNNING', 'KILLED'),
  queue: fc.constant('root'),
  live: fc.boolean(),
})
const stage = fc.record({ id: names, totalTasks: whole, runningTasks: whole, failedTasks: whole, succeedTasks: whole })

/** What a report may change of a task's record, with few values for the rest so that it often stays as it is. */
const task: fc.Arbitrary<TaskRecord> = fc.record(
  {
    namespace: fc.constant('default'),
    jobId: fc.constant('j1'),
    task: fc.constant('t1'),
    attempt: fc.constant(1),
    scope: fc.constant('task' as const),
    labels: fc.constant({ namespace: 'default', taskType: 'sql', engineType: 'spark' }),
    engine: fc.constant({ instance: 'e1:1' }),
    incarnation: fc.constantFrom('', 'i1'),
    status: fc.constantFrom('running' as const, 'succeeded' as const),
    progress: fc.double({ min: 0, max: 1, noNaN: true }),
    hasProgress: fc.boolean(),
    progressInfo: fc.array(stage, { maxLength: 2 }),
    applications: fc.array(application, { maxLength: 2 }),
    usage: fc.record(
      {
        memoryBytes: whole,
        gpuUtilizationRatio: amount,
        cpuSeconds: fc.constantFrom(1, 2).map((max) => ({ base: 0, per: [['i1', max]] as [string, number][] })),
      },
      { requiredKeys: [] },
    ),
    metrics: fc.dictionary(names, fc.oneof(amount, fc.constant('text'), fc.constant(null)), { maxKeys: 3 }),
    counters: fc.constant({}),
    attributes: fc.constant({}),
    submittedAtMs: fc.constant(1),
    firstArrivalAtMs: fc.constant(1),
    lastReportAtMs: whole,
    streams: fc.array(
      fc.record({
        incarnation: fc.constant('i1'),
        newest: whole,
        missing: fc.constantFrom([], [[1, 2, 3]] as [number, number, number][]),
      }),
      { maxLength: 2 },
    ),
    engineStampUs: whole,
    applied: whole,
    error: fc.constant({ code: 'E' }),
    pace: fc.record({ movedAtMs: whole, steps: whole, gapsMs: amount, longestGapMs: amount, tenthsMs: fc.constant([5]) }),
  },
  {
    requiredKeys: [
      'namespace',
      'jobId',
      'task',
      'attempt',
      'scope',
      'labels',
      'engine',
      'incarnation',
      'status',
      'progress',
      'hasProgress',
      'progressInfo',
      'applications',
      'usage',
      'metrics',
      'counters',
      'attributes',
      'submittedAtMs',
      'firstArrivalAtMs',
      'lastReportAtMs',
      'streams',
      'engineStampUs',
      'applied',
    ],
  },
)

const exec: fc.Arbitrary<ExecRecord> = fc
  .record({
    attempt: fc.constantFrom(1, 2),
    engines: fc.uniqueArray(fc.constantFrom('e1:1', 'e2:2'), { minLength: 1 }),
    tasks: fc.tuple(task, task),
  })
  .map(({ attempt, engines, tasks }) => ({
    attempt,
    current: Object.fromEntries(engines.map((engine, i) => [engine, tasks[i] as TaskRecord])),
  }))

test('a task that is written over and over reads as it was written last', () => {
  fc.assert(
    fc.property(fc.array(exec, { minLength: 1, maxLength: 6 }), (versions) => {
      let template: Parameters<typeof writeExec>[1]
      let text: string | undefined
      for (const version of versions) {
        const written = writeExec(version, template)
        template = written.template
        text = written.text ?? text
        expect(execFrom([text, numbersText(written.template, written.numbers)])).toEqual(JSON.parse(JSON.stringify(version)))
      }
    }),
  )
})

const running: TaskRecord = {
  namespace: 'default',
  jobId: 'j1',
  task: 't1',
  attempt: 1,
  scope: 'task',
  labels: { namespace: 'default', taskType: 'sql', engineType: 'spark' },
  engine: { instance: 'e1:1' },
  incarnation: 'i1',
  status: 'running',
  progress: 0.5,
  hasProgress: true,
  progressInfo: [{ id: 's', totalTasks: 2, runningTasks: 1, failedTasks: 0, succeedTasks: 1 }],
  applications: [],
  usage: { memoryBytes: 5 },
  metrics: { loss: 0.5 },
  counters: {},
  attributes: {},
  submittedAtMs: 1,
  firstArrivalAtMs: 1,
  lastReportAtMs: 1_000,
  streams: [{ incarnation: 'i1', newest: 3, missing: [] }],
  engineStampUs: 1_000_000,
  applied: 3,
}

test('a report that moves numbers only writes numbers only; any other is written in full', () => {
  const first = writeExec({ attempt: 1, current: { 'e1:1': running } }, undefined)
  const moved = { ...running, progress: 0.6, applied: 4, lastReportAtMs: 6_000, metrics: { loss: 0.25 } }
  expect(writeExec({ attempt: 1, current: { 'e1:1': moved } }, first.template).text).toBeUndefined()
  const ended: TaskRecord = { ...moved, status: 'succeeded' }
  expect(writeExec({ attempt: 1, current: { 'e1:1': ended } }, first.template).text).toBeDefined()
})

test('numbers that belong to another full text are not put into this one', () => {
  const before = writeExec({ attempt: 1, current: { 'e1:1': running } }, undefined)
  const moved = writeExec({ attempt: 1, current: { 'e1:1': { ...running, progress: 0.9 } } }, before.template)
  const numbers = numbersText(moved.template, moved.numbers)
  const after = writeExec({ attempt: 1, current: { 'e1:1': running } }, undefined)
  expect(execFrom([before.text, numbers])?.current['e1:1']?.progress).toBe(0.9)
  expect(execFrom([after.text, numbers])?.current['e1:1']?.progress).toBe(0.5)
})

test("a job's own record keeps its numbers beside it", () => {
  const job: JobRecord = {
    namespace: 'default',
    jobId: 'j1',
    taskType: 'sql',
    engineType: 'spark',
    labels: running.labels,
    engine: 'e1:1',
    status: 'running',
    progress: 0.5,
    taskCount: 1,
    taskCountByStatus: { running: 1 },
    progressSumE9: 500_000_000,
    submittedAtMs: 1,
    firstArrivalAtMs: 1,
    lastReportAtMs: 1_000,
    attributes: {},
    tailNo: 0,
    lastSampleAtMs: 1_000,
    lastSampleStatus: 'running',
  }
  const first = writeJob(job, undefined)
  const next = { ...job, progress: 0.6, progressSumE9: 600_000_000, lastReportAtMs: 2_000, tailNo: 3, lastSampleAtMs: 2_000 }
  const second = writeJob(next, first.template)
  expect(second.text).toBeUndefined()
  expect(jobFrom([first.text, numbersText(second.template, second.numbers)])).toEqual(next)
})

test('numbers are read as an earlier build wrote them, too', () => {
  const first = writeExec({ attempt: 1, current: { 'e1:1': running } }, undefined)
  const decimals = `${first.template.name} 5000,7,4,0.625,4,6,2,1,0,1,0.25`
  expect(execFrom([first.text, decimals])?.current['e1:1']).toMatchObject({
    lastReportAtMs: 6_000,
    applied: 4,
    progress: 0.625,
    usage: { memoryBytes: 6 },
    metrics: { loss: 0.25 },
  })
})

test('a task with very many stages keeps all of its numbers', () => {
  const stages = (done: number) =>
    Array.from({ length: 60 }, (_, i) => ({
      id: `s${i}`,
      totalTasks: 9,
      runningTasks: 0,
      failedTasks: 0,
      succeedTasks: done + i,
    }))
  const first = writeExec({ attempt: 1, current: { 'e1:1': { ...running, progressInfo: stages(0) } } }, undefined)
  const after = { attempt: 1, current: { 'e1:1': { ...running, progressInfo: stages(7) } } }
  const written = writeExec(after, first.template)
  expect(written.text).toBeUndefined()
  expect(execFrom([first.text, numbersText(written.template, written.numbers)])).toEqual(after)
})
