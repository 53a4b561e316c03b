import { describe, expect, test } from 'vitest'
import { ScopeError } from '../errors.ts'
import { readRegistration } from './registration.ts'

const aBody = (more: Readonly<Record<string, unknown>> = {}) => ({ runtimeId: 'run-1', url: 'http://127.0.0.1:1/', ...more })

function refusalOf(body: unknown, moreTopics: readonly string[] = []): [code: string, path: string | undefined, text: string] {
  try {
    readRegistration(body, moreTopics)
  } catch (error) {
    if (error instanceof ScopeError) return [error.code, error.path, error.message]
    throw error
  }
  throw new Error('it was taken')
}

test('what is not said has its default: all topics of the protocol and of the installation', () => {
  const { topics, ...rest } = readRegistration(aBody(), ['audit:2'])
  expect(rest).toEqual({
    ...{ runtimeId: 'run-1', namespace: 'default', url: 'http://127.0.0.1:1' },
    ...{ mode: 'batch', engineType: 'cdap', token: undefined },
  })
  expect(topics).toHaveLength(9)
  expect(topics.slice(-2)).toEqual(['audit:0', 'audit:1'])
})

describe('topics', () => {
  test.each([[['audit']], [['logs', 'audit']], [['audit:2']], [['logging']]])('%j are not allowed', (topics) => {
    const [code, path, text] = refusalOf(aBody({ topics }), ['custom'])
    expect([code, path]).toEqual(['TOPIC_FORBIDDEN', 'topics'])
    expect(text).toContain('ENGINESCOPE_RUNTIME_TOPICS')
  })

  test('partitions are allowed with their topic', () => {
    expect(readRegistration(aBody({ topics: ['task.running:2', 'custom:2'] }), ['custom']).topics).toEqual([
      ...['task.running:0', 'task.running:1', 'custom:0', 'custom:1'],
    ])
  })
})

test.each([
  ['a list', [], ''],
  ['no id', { url: 'http://a' }, 'runtimeId'],
  ['no url', { runtimeId: 'a' }, 'url'],
  ['another protocol', aBody({ url: 'ftp://127.0.0.1' }), 'url'],
  ['a password in the url', aBody({ url: 'http://a:b@127.0.0.1' }), 'url'],
  ['a query in the url', aBody({ url: 'http://127.0.0.1/?a' }), 'url'],
  ['an unknown mode', aBody({ mode: 'push' }), 'mode'],
  ['no topics', aBody({ topics: [] }), 'topics'],
  ['a token with a line break', aBody({ token: 'a\nb' }), 'token'],
])('%s does not fit', (_what, body, path) => {
  expect(refusalOf(body).slice(0, 2)).toEqual(['REQUEST_INVALID', path])
})
