import { expect, test } from 'vitest'
import { aTask } from '../../test/support/series.ts'
import type { JobRecord, ScopeEvent, TaskRecord } from '../jobs/records.ts'
import { SiblingWatch } from './sibling-watch.ts'

const minuteMs = 60_000

function watching(limits: { tasksMax?: number } = {}) {
  const marks: [task: string, isStraggler: boolean][] = []
  let skipped = 0
  const watch = new SiblingWatch({
    straggleAfterMs: minuteMs,
    tasksMax: limits.tasksMax ?? 100,
    onNoRoom: () => {
      skipped += 1
    },
    mark: async ({ task }, isStraggler) => void marks.push([task, isStraggler]),
  })
  watch.load(0, { tasks: [], jobs: [], engines: [] })
  const say = (...changes: Partial<TaskRecord>[]) =>
    watch.apply(
      0,
      changes.map((change): ScopeEvent => ({ kind: 'task', record: aSibling(change) })),
    )
  const judged = async () => {
    await watch.judge()
    return marks.splice(0)
  }
  return { watch, say, judged, skipped: () => skipped }
}
/** A task that began at 0 and has reported after ten minutes. */
const aSibling = (changes: Partial<TaskRecord>) =>
  aTask({ hasProgress: true, startedArrivalAtMs: 0, lastReportAtMs: 10 * minuteMs, ...changes })
const three = [0.5, 0.4, 0.6].map((progress, i) => ({ task: `t${i}`, progress }))

test('a task below a third of the median pace of its job is marked, and no longer when it has caught up', async () => {
  const { say, judged } = watching()
  say(...three, { task: 'slow', progress: 0.1 })
  expect(await judged()).toEqual([['slow', true]])
  say({ task: 'slow', progress: 0.4, findings: { straggledSinceMs: 1 } })
  expect(await judged()).toEqual([['slow', false]])
  say({ task: 'slow', progress: 0.4 })
  expect(await judged()).toEqual([])
})

test('two tasks have no usual pace', async () => {
  const { say, judged } = watching()
  say(...three.slice(0, 1), { task: 'slow', progress: 0.01 })
  expect(await judged()).toEqual([])
})

test('tasks that have succeeded still say what is usual; those that failed or tell no progress do not', async () => {
  const { say, judged } = watching()
  const quick = { status: 'succeeded', progress: 1, endedArrivalAtMs: 5 * minuteMs } as const
  say({ task: 't0', ...quick }, { task: 't1', ...quick, status: 'failed' }, { task: 't2', hasProgress: false })
  say({ task: 'slow', progress: 0.1 })
  expect(await judged()).toEqual([])
  say({ task: 't3', ...quick })
  expect(await judged()).toEqual([['slow', true]])
})

test('a task that has hardly begun is not judged', async () => {
  const { say, judged } = watching()
  say(...three, { task: 'young', progress: 0.0001, startedArrivalAtMs: 9.5 * minuteMs })
  expect(await judged()).toEqual([])
})

test('a job in which nothing has changed is not looked at again', async () => {
  const { say, judged } = watching()
  say(...three, { task: 'slow', progress: 0.1 })
  expect(await judged()).toHaveLength(1)
  expect(await judged()).toHaveLength(0)
})

test('memory is bounded, what finds no room is counted, and what ends or is given away is forgotten', () => {
  const { watch, say, skipped } = watching({ tasksMax: 3 })
  say(...three, { task: 'beyond', progress: 0.1 })
  expect([watch.taskCount, skipped()]).toEqual([3, 1])
  say({ task: 't0', isSuperseded: true })
  expect(watch.taskCount).toBe(2)
  const job = { namespace: 'default', jobId: 'j1', status: 'succeeded' } as JobRecord
  watch.apply(0, [{ kind: 'job', record: job }])
  expect(watch.taskCount).toBe(0)
  say(...three)
  watch.drop(0)
  expect(watch.taskCount).toBe(0)
})

test('tasks of which only numbers move are judged by what they said last', async () => {
  const { say, watch, judged } = watching()
  say(...three, { task: 'slow', progress: 0.4 })
  expect(await judged()).toEqual([])
  const still = aSibling({ task: 'slow', progress: 0.4 })
  const said = (progress: number): ScopeEvent => ({ kind: 'task', still, record: { ...still, progress } })
  watch.apply(0, [said(0.4)])
  watch.apply(0, [said(0.1)])
  expect(await judged()).toEqual([['slow', true]])
  say({ task: 'slow', status: 'failed' })
  expect(watch.taskCount).toBe(3)
})
