import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Problem, Problems } from '../problems.ts'
import { placeOf } from './message-id.ts'
import { MessageLog } from './message-log.ts'
import { type RuntimeSettings, runtimeSettingsFrom } from './settings.ts'
import { topicNames, topicsFrom } from './topics.ts'

const epoch = '1795357356000'
const told: Problem[] = []
const problems = () => {
  told.length = 0
  return new Problems((problem) => told.push(problem))
}

function aLog(settings: Partial<RuntimeSettings> = {}, topics: string[] = []): MessageLog {
  const about = problems()
  return new MessageLog(epoch, topicsFrom(topics, about), runtimeSettingsFrom(settings, about), about)
}

const id = (number: number, of = epoch) => `${of}-${String(number).padStart(10, '0')}`
function numbers(log: MessageLog, topic: string, after?: string, limit = 100): (number | undefined)[] {
  const [answer] = log.read([{ topic, after: after === undefined ? undefined : placeOf(after), limit }])
  return [answer?.earliest, answer?.latest, ...(answer?.messages.map(({ number }) => number) ?? [])]
}

describe('the messages of a topic', () => {
  test('are numbered from 1 without holes under one epoch, and ids sort in that order', () => {
    const log = aLog()
    const ids = Array.from({ length: 12 }, (_, n) => log.write('logs', { n }))
    expect(ids).toEqual(Array.from({ length: 12 }, (_, n) => id(n + 1)))
    expect([...ids].sort()).toEqual(ids)
  })

  test('are given after an id, that one excluded, at most as many as asked for', () => {
    const log = aLog()
    for (let n = 1; n <= 5; n++) log.write('logs', n)
    expect(numbers(log, 'logs')).toEqual([1, 5, 1, 2, 3, 4, 5])
    expect(numbers(log, 'logs', id(2))).toEqual([1, 5, 3, 4, 5])
    expect(numbers(log, 'logs', id(2), 2)).toEqual([1, 5, 3, 4])
    expect(numbers(log, 'logs', id(5))).toEqual([1, 5])
    expect(numbers(log, 'logs', id(99))).toEqual([1, 5])
  })

  test('an id of an earlier log is before everything, one of a later log after everything', () => {
    const log = aLog()
    log.write('logs', 1)
    expect(numbers(log, 'logs', id(7, '1795357355999'))).toEqual([1, 1, 1])
    expect(numbers(log, 'logs', id(0, '1795357356001'))).toEqual([1, 1])
  })

  test('an empty topic has no bounds', () => {
    expect(numbers(aLog(), 'logs')).toEqual([undefined, undefined])
  })

  test('that are too many make room, oldest first, and count as lost only if nobody asked past them', () => {
    const log = aLog({ topicMessagesMax: 3 })
    for (let n = 1; n <= 4; n++) log.write('logs', n)
    expect(numbers(log, 'logs', id(3))).toEqual([2, 4, 4])
    expect(log.stats()).toMatchObject({ published: 4, taken: 2, lost: 1, keptMessages: 3 })
    for (let n = 5; n <= 6; n++) log.write('logs', n)
    expect(log.stats()).toMatchObject({ lost: 1 })
    expect(told.map(({ code }) => code)).toEqual(['MESSAGES_LOST'])
  })

  test('of the largest topic make room when all together are too large; the newest of each topic stays', () => {
    const log = aLog({ keptBytesMax: 20_000 })
    log.write('program.status', 'RUNNING')
    for (let n = 1; n <= 100; n++) log.write('logs', 'x'.repeat(1000))
    expect(log.stats().keptBytes).toBeLessThanOrEqual(20_000)
    expect(numbers(log, 'program.status')).toEqual([1, 1, 1])
    expect(numbers(log, 'logs', id(99))).toEqual([expect.any(Number), 100, 100])
    const tiny = aLog({ keptBytesMax: 10 })
    tiny.write('logs', 1)
    tiny.write('logs', 2)
    expect(numbers(tiny, 'logs')).toEqual([2, 2, 2])
  })

  test('that are too large, no JSON, or for no topic are refused and told of', () => {
    const log = aLog({ messageBytesMax: 100 })
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(log.write('logs', 'x'.repeat(200))).toBeUndefined()
    expect(log.write('logs', circle)).toBeUndefined()
    expect(log.write('logs', undefined)).toBeUndefined()
    expect(log.write('nowhere', 1)).toBeUndefined()
    expect(log.stats()).toMatchObject({ published: 0, refused: 4, keptBytes: 0 })
    expect(told.map(({ code }) => code)).toEqual(['MESSAGE_TOO_LARGE', 'MESSAGE_UNREADABLE', 'TOPIC_UNKNOWN'])
  })
})

describe('topics', () => {
  test('come in the order of commits, those of the program by name, the end of the run last', () => {
    const log = aLog({}, ['zeta', 'audit', 'task.running:2'])
    const asked = ['program.status', 'logs', 'zeta', 'task.running:1', 'nowhere', 'audit', 'heartbeat', 'task.running:0']
    const answers = log.read(asked.map((topic) => ({ topic, after: undefined, limit: 10 })))
    expect(answers.map(({ topic }) => topic)).toEqual([
      'nowhere',
      'heartbeat',
      'audit',
      'zeta',
      'task.running:0',
      'task.running:1',
      'logs',
      'program.status',
    ])
  })

  test('with partitions keep all messages of one key in one of them, and have no log of their own', () => {
    const log = aLog({}, ['task.running:4'])
    for (let n = 0; n < 200; n++) log.write('task.running', { task: n % 20, n }, `task-${n % 20}`)
    const partsOf = new Map<number, Set<string>>()
    for (const part of ['task.running:0', 'task.running:1', 'task.running:2', 'task.running:3']) {
      const [answer] = log.read([{ topic: part, after: undefined, limit: 1000 }])
      expect(answer?.messages.length).toBeGreaterThan(0)
      for (const { bytes } of answer?.messages ?? []) {
        const { task } = JSON.parse(String(bytes)) as { task: number }
        partsOf.set(task, (partsOf.get(task) ?? new Set()).add(part))
      }
    }
    expect([...partsOf.values()].map((parts) => parts.size)).toEqual(Array.from({ length: 20 }, () => 1))
    expect(log.has('task.running')).toBe(false)
  })

  test('that do not fit are told of, and the others stay', () => {
    const about = problems()
    const names = topicNames(topicsFrom(['audit', '../x', 'a:0', 'b:99', '__proto__', 'logs:3'], about))
    expect(names).toEqual([
      'heartbeat',
      'metadata',
      'lineage',
      'workflow.token',
      'audit',
      'task.running',
      'logs:3',
      'program.status',
    ])
    expect(about.counts()).toEqual({ ARGUMENT_INVALID: 4 })
  })

  test('share the bytes of one answer, so that a loud one does not push the end of the run out', () => {
    const log = aLog({ answerBytesMax: 40_000 })
    for (let n = 0; n < 100; n++) log.write('logs', 'x'.repeat(1000))
    log.write('program.status', 'COMPLETED')
    const answers = log.read(['logs', 'program.status'].map((topic) => ({ topic, after: undefined, limit: 1000 })))
    expect(answers.map(({ messages }) => messages.length)).toEqual([17, 1])
  })

  test('a message larger than its share of the answer is given all the same', () => {
    const log = aLog({ answerBytesMax: 40_000 })
    log.write('metadata', 'x'.repeat(30_000))
    const topics = ['metadata', 'lineage', 'logs', 'program.status']
    expect(log.read(topics.map((topic) => ({ topic, after: undefined, limit: 1 })))[0]?.messages).toHaveLength(1)
  })
})

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fetch' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), back: fc.integer({ min: 0, max: 6 }) }) },
)

test('however publishing, trimming and fetching interleave, each message that is kept comes once and in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (steps, messagesMax) => {
      const log = aLog({ topicMessagesMax: messagesMax })
      let published = 0
      let offset = 0
      const fetchOnce = (limit: number) => {
        const after = offset === 0 ? undefined : { epoch, number: offset }
        const [answer] = log.read([{ topic: 'logs', after, limit }])
        const kept = Array.from({ length: Math.min(published, messagesMax) }, (_, n) => published - n).reverse()
        expect(answer?.messages.map(({ number }) => number)).toEqual(kept.filter((number) => number > offset).slice(0, limit))
        expect(answer?.messages.map(({ bytes }) => JSON.parse(String(bytes)))).toEqual(
          answer?.messages.map(({ number }) => number),
        )
        expect([answer?.earliest, answer?.latest]).toEqual([kept[0], kept.at(-1)])
        offset = answer?.messages.at(-1)?.number ?? offset
      }
      for (const next of steps) {
        if (next.kind === 'publish') for (let n = 0; n < next.count; n++) log.write('logs', ++published)
        else if (next.kind === 'fetch') fetchOnce(next.limit)
        // A monitor whose store was restored from a backup asks from where it was then.
        else offset = Math.max(0, offset - next.back)
      }
      fetchOnce(1000)
      fetchOnce(1000)
      const { taken, lost, keptMessages } = log.stats()
      expect(taken + lost).toBe(published)
      expect(keptMessages).toBe(Math.min(published, messagesMax))
    }),
  )
})

test('each message is told its fate once: taken, or lost', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 40 }), (steps) => {
      const log = aLog({ topicMessagesMax: 4 })
      const fates: string[][] = []
      for (const next of steps) {
        for (let n = 0; n < next; n++) {
          const own: string[] = []
          fates.push(own)
          log.publish('logs', Buffer.from('1'), '', (fate) => own.push(fate))
        }
        if (next <= 0) log.read([{ topic: 'logs', after: { epoch, number: Math.max(0, fates.length + next) }, limit: 1 }])
      }
      log.read([{ topic: 'logs', after: { epoch, number: fates.length }, limit: 1 }])
      expect(fates.map((own) => own.length)).toEqual(fates.map(() => 1))
      expect(log.stats()).toMatchObject({
        taken: fates.filter(([fate]) => fate === 'taken').length,
        lost: fates.filter(([fate]) => fate === 'lost').length,
      })
      expect(log.isTaken).toBe(true)
    }),
  )
})
