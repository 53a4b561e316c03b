import { describe, expect, test } from 'vitest'
import { jobSuite } from '../../test/support/job-suite.ts'
import { learningTypesOf, taskTypes } from '../catalogue/index.ts'

const suite = jobSuite()
const options = { learning: learningTypesOf(taskTypes()) }
const observed = async () => (await suite.job('j1'))?.learning?.observed ?? {}

function aWord(taskType: string, seq: number, minute: number, changes: Readonly<Record<string, unknown>>) {
  return {
    jobId: 'j1',
    execId: 'w1',
    taskType,
    seq,
    status: 'running',
    reportedAt: `2026-01-05T08:${minute}:00Z`,
    engine: { instance: 'default/w1', engineType: 'sedna', incarnation: 'a' },
    ...changes,
  }
}

const aTraining = (seq: number, minute: number, changes: Readonly<Record<string, unknown>>) =>
  aWord('incremental_learning', seq, minute, { algorithmMetrics: { workerRole: 'train', taskStage: 'Train' }, ...changes })

describe('how long it took is known as soon as what is missing is given up', () => {
  const beforeItIsGivenUp = async () => {
    await suite.pass(599_000)
    expect(await observed()).toEqual({})
    await suite.pass(2_000)
  }

  test('of a stage', async () => {
    const store = suite.reopen(options)
    await store.send(aTraining(2, 10, {}), aTraining(3, 15, { status: 'succeeded' }))
    await beforeItIsGivenUp()
    expect(await observed()).toMatchObject({ train: { sum: 300 } })
    const [event] = store.told.flatMap(({ events }) => events.filter(({ kind }) => kind === 'job')).slice(-1)
    expect(event).toMatchObject({ record: { learning: { observed: { train: { sum: 300 } } } } })
    // Nor is it counted again by what comes of it later.
    await store.send(aTraining(1, 10, {}), aTraining(4, 16, {}))
    expect(await observed()).toMatchObject({ train: { sum: 300 } })
  })

  test('of a stage that another attempt has followed', async () => {
    const store = suite.reopen(options)
    await store.send(aTraining(2, 10, {}), aTraining(3, 15, { status: 'failed' }), aTraining(1, 20, { attempt: 2 }))
    await beforeItIsGivenUp()
    expect(await observed()).toMatchObject({ train: { sum: 300 } })
  })

  test('of a stage that another attempt has followed, also where what was missing comes after all', async () => {
    const store = suite.reopen(options)
    await store.send(aTraining(2, 10, {}), aTraining(3, 15, { status: 'failed' }), aTraining(1, 20, { attempt: 2 }))
    await store.send(aTraining(1, 11, {}))
    expect(await observed()).toMatchObject({ train: { sum: 300 } })
  })

  const aRound = (seq: number, minute: number, aggregationNo: number) =>
    aWord('federated_learning', seq, minute, { algorithmMetrics: { workerRole: 'aggregation', aggregationNo } })

  test('of a round', async () => {
    const store = suite.reopen(options)
    await store.send(aRound(2, 10, 1), aRound(3, 15, 2))
    await beforeItIsGivenUp()
    expect(await observed()).toMatchObject({ roundDuration: { sum: 300 } })
  })

  test("but not of a round by what is given up of another worker's reports", async () => {
    const store = suite.reopen(options)
    const node = aWord('federated_learning', 2, 10, { execId: 'n1', algorithmMetrics: { workerRole: 'train' } })
    await store.send({ ...node, engine: { ...node.engine, instance: 'default/n1' } })
    await suite.pass(300_000)
    await store.send(aRound(2, 10, 1), aRound(3, 15, 2))
    await suite.pass(301_000)
    expect((await suite.task('j1', 'n1'))?.streams[0]?.missing).toEqual([])
    expect(await observed()).toEqual({})
  })
})
