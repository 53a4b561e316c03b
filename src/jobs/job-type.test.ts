import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'

const suite = jobSuite()
const kindOf = async () => {
  const { taskType, engineType } = (await suite.job()) ?? {}
  return [taskType, engineType]
}

const anAttempt = fc.record({
  taskType: fc.constantFrom('sql', 'spark_sql', undefined),
  engineType: fc.constantFrom('spark', 'hive', undefined),
  engine: fc.constantFrom('e1:1', 'e2:2'),
  reports: fc.integer({ min: 1, max: 3 }),
})

/** A task of the one job; each of its attempts may be of a type of its own. */
const aTask = fc.record({
  execId: fc.constantFrom('a', 'b', 'c', 'd'),
  scope: fc.constantFrom('task', 'task', 'job'),
  attempts: fc.array(anAttempt, { minLength: 1, maxLength: 2 }),
})

const reportsOf = ({ execId, scope, attempts }: typeof aTask extends fc.Arbitrary<infer T> ? T : never) =>
  attempts.flatMap(({ taskType, engineType, engine, reports }, i) =>
    Array.from({ length: reports }, (_, n) =>
      aReport({ execId, taskType, scope, seq: n + 1, attempt: i + 1, engine: { instance: engine, engineType } }),
    ),
  )

const aCase = fc.uniqueArray(aTask, { selector: ({ execId }) => execId, minLength: 1 }).chain((tasks) => {
  const reports = tasks.flatMap(reportsOf)
  const order = fc.shuffledSubarray(reports, { minLength: reports.length, maxLength: reports.length })
  return fc.record({ one: order, other: order, isBatch: fc.boolean() })
})

test('of which type a job is does not depend on the order in which the reports of its tasks arrive', async () => {
  await fc.assert(
    fc.asyncProperty(aCase, async ({ one, other, isBatch }) => {
      const kinds: unknown[] = []
      for (const reports of [one, other]) {
        await suite.redis.flushall()
        suite.reopen()
        if (isBatch) await suite.store.send(...reports)
        else for (const report of reports) await suite.store.send(report)
        kinds.push(await kindOf())
      }
      expect(kinds[1]).toEqual(kinds[0])
    }),
    { numRuns: 60 },
  )
}, 120_000)

test('a job is of the type of the task that speaks for it, whichever came first', async () => {
  await suite.report(aReport({ execId: '0-step', taskType: 'sql' }))
  expect(await kindOf()).toEqual(['sql', 'spark'])
  const run = { execId: 'run', scope: 'job', engine: { instance: 'run', engineType: 'cdap' } }
  await suite.report(aReport({ ...run, taskType: undefined }))
  await suite.report(aReport({ ...run, taskType: 'workflow', seq: 2 }))
  await suite.report(aReport({ execId: '00-step', taskType: 'hive' }))
  expect(await kindOf()).toEqual(['workflow', 'cdap'])
})

test('without such a task it is of the type of the one whose id sorts first', async () => {
  await suite.report(aReport({ execId: 'b', taskType: 'sql' }))
  await suite.report(aReport({ execId: 'c', taskType: 'hive' }))
  expect(await kindOf()).toEqual(['sql', 'spark'])
  await suite.report(aReport({ execId: 'a', taskType: 'python', engine: { instance: 'e2:2', engineType: 'python' } }))
  await suite.report(aReport({ execId: 'b', taskType: 'sql', seq: 2 }))
  expect(await kindOf()).toEqual(['python', 'python'])
})
