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
  /** Whether each of its reports says the type. */
  reports: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
})

/** A task of the one job; each of its attempts may be of a type of its own. */
const aTask = fc.record({
  execId: fc.constantFrom('a', 'b', 'c', 'd'),
  scope: fc.constantFrom('task', 'task', 'job'),
  attempts: fc.array(anAttempt, { minLength: 1, maxLength: 2 }),
})

const unnamed = (instance: string) => ({ instance, engineType: undefined })

const reportsOf = ({ execId, scope, attempts }: typeof aTask extends fc.Arbitrary<infer T> ? T : never) =>
  attempts.flatMap(({ taskType, engineType, engine, reports }, i) =>
    reports.map((isNamed, n) => {
      const names = isNamed
        ? { taskType, engine: { instance: engine, engineType } }
        : { taskType: undefined, engine: unnamed(engine) }
      return aReport({ execId, scope, seq: n + 1, attempt: i + 1, progress: n / 10, ...names })
    }),
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

test('what the first reports of its task left open is filled in by a later one that says it, also where only numbers move', async () => {
  for (let seq = 1; seq <= 4; seq++) await suite.report(aReport({ taskType: undefined, seq, progress: seq / 10 }))
  expect(await kindOf()).toEqual(['generic', 'spark'])
  await suite.report(aReport({ taskType: 'sql', seq: 5, progress: 0.5 }))
  expect(await kindOf()).toEqual(['sql', 'spark'])
})
