import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { networkList, runtimeList, topicList } from './runtime-kinds.ts'

describe('networks', () => {
  test('are read with blanks between, and printed without', () => {
    const networks = networkList.schema.parse(' 10.0.0.0/8 , fd00::/8,127.0.0.1 ')
    expect(networks).toEqual(['10.0.0.0/8', 'fd00::/8', '127.0.0.1'])
    expect(networkList.print(networks)).toBe('10.0.0.0/8,fd00::/8,127.0.0.1')
  })

  test.each(['10.0.0.0/33', 'fd00::/129', 'ten/8', '10.0.0.0/8/8', '10.0.0.0/'])('%s is none', (text) => {
    expect(networkList.schema.safeParse(text).success).toBe(false)
  })
})

test('topics may have partitions; what is no name, or too much, is refused', () => {
  expect(topicList.schema.parse('audit, custom:2')).toEqual(['audit', 'custom:2'])
  expect(topicList.schema.parse('')).toEqual([])
  for (const text of ['a b', ':2', 'a:x', Array.from({ length: 33 }, (_, i) => `t${i}`).join(',')])
    expect(topicList.schema.safeParse(text).success, text).toBe(false)
})

describe('runtimes', () => {
  test('keep their tokens secret, also those that stand in files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'enginescope-kinds-'))
    writeFileSync(join(folder, 'token'), 'of-a-file\n')
    const listed = runtimeList.schema.parse(
      JSON.stringify([
        { runtimeId: 'a', url: 'http://a', token: 'in-the-list' },
        { runtimeId: 'b', url: 'http://b', tokenFile: join(folder, 'token') },
        { runtimeId: 'c', url: 'http://c' },
      ]),
    )
    rmSync(folder, { recursive: true })
    expect(listed.map(({ token }) => token?.reveal())).toEqual(['in-the-list', 'of-a-file', undefined])
    expect(JSON.stringify(listed)).not.toContain('in-the-list')
    expect(runtimeList.print(listed)).toBe('["a","b","c"]')
  })

  test.each([
    ['not JSON', 'token: secret', 'must be JSON'],
    ['no list', '{}', 'must be a list'],
    ['no map', '[1]', 'entry 1 must be a map'],
    ['no id', '[{"url":"http://a"}]', 'entry 1 must have a runtimeId'],
    ['no url', '[{"runtimeId":"a","url":"http://a"},{"runtimeId":"a"}]', 'entry 2 must have a url'],
    ['a token that is no text', '[{"runtimeId":"a","url":"http://a","token":1}]', 'entry 1: token must be a text'],
    ['a token file that is not there', '[{"runtimeId":"a","url":"http://a","tokenFile":"/none"}]', '/none cannot be read'],
  ])('%s is refused, and not quoted', (_what, text, says) => {
    const refused = runtimeList.schema.safeParse(text)
    expect(refused.error?.issues[0]?.message).toContain(says)
    expect(refused.error?.message).not.toContain('secret')
  })
})
