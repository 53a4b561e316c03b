import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aReport } from '../../test/support/job-stores.ts'
import { jobSuite } from '../../test/support/job-suite.ts'
import { reportParser } from '../report/parse.ts'
import type { JobRecord } from './records.ts'
import { takeJobType } from './rules/job-type.ts'

const suite = jobSuite()
const kindOf = async () => {
  const { taskType, engineType } = (await suite.job()) ?? {}
  return [taskType, engineType]
}

const parse = reportParser()
function parsed(item: unknown) {
  const result = parse(item, Date.now())
  if (!result.isValid) throw new Error(result.rejection.message)
  return result
}

const anAttempt = fc.record({
  engine: fc.constantFrom('e1:1', 'e2:2'),
  /** What each of its reports says, which need not be the same. */
  reports: fc.array(
    fc.record({
      taskType: fc.constantFrom('sql', 'sql', 'spark_sql', undefined),
      engineType: fc.constantFrom('spark', 'spark', 'hive', undefined),
    }),
    { minLength: 1, maxLength: 5 },
  ),
})

/** A task of the one job; each of its attempts may be of a type of its own. */
const aTask = fc.record({
  execId: fc.constantFrom('a', 'b', 'c', 'd'),
  scope: fc.constantFrom('task', 'task', 'job'),
  attempts: fc.array(anAttempt, { minLength: 1, maxLength: 2 }),
})

const reportsOf = ({ execId, scope, attempts }: typeof aTask extends fc.Arbitrary<infer T> ? T : never) =>
  attempts.flatMap(({ engine, reports }, i) =>
    reports.map(({ taskType, engineType }, n) =>
      aReport({
        execId,
        scope,
        seq: n + 1,
        attempt: i + 1,
        progress: n / 10,
        taskType,
        engine: { instance: engine, engineType },
      }),
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
  expect(await kindOf()).toEqual(['sql', 'cdap'])
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

test('a type that an earlier build has kept stays until a report says another', async () => {
  const job = { taskType: 'federated_learning', engineType: 'sedna' } as JobRecord
  const { report } = parsed(aReport({ taskType: undefined, engine: { engineType: undefined } }))
  takeJobType(job, report)
  expect(job).toEqual({ taskType: 'federated_learning', engineType: 'sedna' })
  takeJobType(job, { ...report, taskType: 'sql' })
  expect(job).toMatchObject({ taskType: 'sql', engineType: 'sedna' })
})
