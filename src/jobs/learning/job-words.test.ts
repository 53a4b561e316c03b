import { describe, expect, test } from 'vitest'
import type { TaskStatus } from '../../report/status.ts'
import { jobWord } from './job-words.ts'
import { noLearning } from './learning-record.ts'

const aJob = (status: TaskStatus, said: Readonly<Record<string, string>> = {}) => {
  const facts = Object.fromEntries(Object.entries(said).map(([name, word]) => [name, [word] as [string]]))
  return { status, taskType: 'federated_learning', learning: { ...noLearning, facts } }
}

describe('the training of a federated job', () => {
  test.each<[TaskStatus, string]>([
    ['inited', 'running'],
    ['running', 'running'],
    ['succeeded', 'completed'],
    ['failed', 'failed'],
    ['cancelled', 'failed'],
    ['timed_out', 'failed'],
    ['lost', 'failed'],
  ])('of which no aggregator speaks is, while the job is %s, %s', (status, word) => {
    expect(jobWord('trainStatus', aJob(status))).toBe(word)
  })

  test.each<[TaskStatus, string, string]>([
    ['running', 'starting', 'starting'],
    ['running', 'completed', 'completed'],
    ['cancelled', 'completed', 'completed'],
    ['failed', 'completed', 'failed'],
    ['cancelled', 'running', 'failed'],
    ['lost', 'waiting', 'failed'],
    ['succeeded', 'running', 'completed'],
  ])('of a job that is %s, and %s by its aggregator, is %s', (status, said, word) => {
    expect(jobWord('trainStatus', aJob(status, { trainStatus: said }))).toBe(word)
    expect(jobWord('condition', aJob(status, { stageConditionStatus: said }))).toBe(word)
  })
})
