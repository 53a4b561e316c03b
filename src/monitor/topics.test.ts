import { describe, expect, test } from 'vitest'
import { expandTopics, inCommitOrder, isAllowedTopic, kindOf, limitOf, topicLabel } from './topics.ts'

describe('the topics that a list names', () => {
  test('a name with a number stands for so many partitions, and each counts once', () => {
    expect(expandTopics(['logs', 'task.running:2', 'logs'])).toEqual(['logs', 'task.running:0', 'task.running:1'])
  })

  test.each([[['logs:0']], [['logs:65']], [['logs:x']], [['no name']], [[17]], [['a:40', 'b:40']]])(
    '%j cannot be read',
    (names) => {
      expect(expandTopics(names)).toBeUndefined()
    },
  )
})

test.each([
  ['logs', [], true],
  ['task.running:1', [], true],
  ['audit', [], false],
  ['audit', ['audit'], true],
  ['audit:3', ['audit:2'], true],
  ['audits', ['audit'], false],
  ['constructor', [], false],
])('whether %s may be asked for where %j are allowed: %s', (topic, more, isAllowed) => {
  expect(isAllowedTopic(topic, more)).toBe(isAllowed)
})

test('ends of runs are taken in last, what is not known before the tasks', () => {
  expect(inCommitOrder(['program.status', 'logs', 'task.running:1', 'zoo', 'task.running:0', 'audit', 'heartbeat'])).toEqual([
    ...['heartbeat', 'audit', 'zoo', 'task.running:0', 'task.running:1', 'logs', 'program.status'],
  ])
})

test('a partition has the limit and the label of its topic; what is not known, none of its own', () => {
  expect([kindOf('logs:3'), limitOf('logs:3'), topicLabel('logs:3')]).toEqual(['logs', 1_000, 'logs'])
  expect([limitOf('constructor'), topicLabel('constructor')]).toEqual([100, 'other'])
})
