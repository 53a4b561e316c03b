import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ScopeError } from '../errors.ts'
import { readAuthFile } from './auth-file.ts'
import { AuthFileError, Authoriser, type AuthoriserOptions, type ReloadResult } from './authoriser.ts'
import { hashOfToken, makeToken, type Role } from './token.ts'

let folder: string
const opened: Authoriser[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-access-'))
})
afterEach(() => {
  for (const authoriser of opened.splice(0)) authoriser.close()
  rmSync(folder, { recursive: true })
})

const aToken = (token: string, role: Role = 'admin', namespaces = ['*']) => ({
  name: `the-${token}`,
  sha256: hashOfToken(token).toString('hex'),
  role,
  namespaces,
})
function write(content: unknown): string {
  const path = join(folder, 'tokens.yaml')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
  return path
}
function open(options: AuthoriserOptions = {}): Authoriser {
  const authoriser = new Authoriser(options)
  opened.push(authoriser)
  return authoriser
}
function codeOf(act: () => unknown): string {
  try {
    act()
    return 'let in'
  } catch (error) {
    return error instanceof ScopeError ? error.code : String(error)
  }
}

test('without an auth file everybody may do everything', () => {
  expect(open().check(undefined, 'admin')).toEqual({ name: 'anyone', role: 'admin', namespaces: '*' })
})

describe('with an auth file', () => {
  const file = () =>
    write({ tokens: [aToken('boss'), aToken('sender', 'report', ['etl', 'ml']), aToken('viewer', 'read', ['etl'])] })

  test('a token brings its name, its role and its namespaces', () => {
    const visitor = open({ file: file() }).check('Bearer sender', 'report')
    expect(visitor).toEqual({ name: 'the-sender', role: 'report', namespaces: new Set(['etl', 'ml']) })
  })

  test.each<[string | undefined, Role, string]>([
    [undefined, 'read', 'TOKEN_MISSING'],
    ['', 'read', 'TOKEN_MISSING'],
    ['Basic boss', 'read', 'TOKEN_MISSING'],
    ['Bearer', 'read', 'TOKEN_MISSING'],
    ['Bearer a b', 'read', 'TOKEN_MISSING'],
    ['Bearer nobody', 'read', 'TOKEN_INVALID'],
    [`Bearer ${'x'.repeat(2000)}`, 'read', 'TOKEN_INVALID'],
    ['Bearer sender', 'read', 'ROLE_MISSING'],
    ['Bearer sender', 'admin', 'ROLE_MISSING'],
    ['Bearer viewer', 'report', 'ROLE_MISSING'],
    ['bearer viewer', 'read', 'let in'],
    ['Bearer sender', 'report', 'let in'],
    ['Bearer boss', 'report', 'let in'],
    ['Bearer boss', 'read', 'let in'],
    ['Bearer boss', 'admin', 'let in'],
  ])('%j asking for %s: %s', (header, needed, expected) => {
    expect(codeOf(() => open({ file: file() }).check(header, needed, '10.0.0.1'))).toBe(expected)
  })

  test('more than ten wrong tokens a second are answered 429, for that address only, and for that second only', () => {
    let now = 0
    const authoriser = open({ file: file(), nowMs: () => now })
    const tryFrom = (address: string) => codeOf(() => authoriser.check('Bearer wrong', 'read', address))
    expect(Array.from({ length: 12 }, () => tryFrom('a'))).toEqual([
      ...Array.from({ length: 10 }, () => 'TOKEN_INVALID'),
      'RATE_LIMITED',
      'RATE_LIMITED',
    ])
    expect(tryFrom('b')).toBe('TOKEN_INVALID')
    expect(codeOf(() => authoriser.check('Bearer boss', 'read', 'a'))).toBe('let in')
    now = 1000
    expect(tryFrom('a')).toBe('TOKEN_INVALID')
  })

  test('a changed file is taken up, and a broken one leaves the old tokens in force and says so', async () => {
    const results: ReloadResult[] = []
    const path = file()
    const authoriser = open({ file: path, watchIntervalMs: 20, onReload: (result) => results.push(result) })
    write({ tokens: [aToken('newcomer')] })
    await vi.waitFor(() => expect(results).toContainEqual({ tokens: 1 }), { timeout: 5000 })
    expect(codeOf(() => authoriser.check('Bearer newcomer', 'read'))).toBe('let in')
    expect(codeOf(() => authoriser.check('Bearer boss', 'read'))).toBe('TOKEN_INVALID')
    write('tokens: [')
    await vi.waitFor(() => expect(results.at(-1)).toHaveProperty('faults'), { timeout: 5000 })
    expect(codeOf(() => authoriser.check('Bearer newcomer', 'read'))).toBe('let in')
  })

  test('a file with faults is no start', () => {
    expect(() => open({ file: write('tokens: []') })).toThrow(AuthFileError)
    expect(() => open({ file: join(folder, 'nowhere') })).toThrow(/nowhere/)
  })
})

describe('the auth file', () => {
  const good = aToken('t')
  test.each<[string, unknown, RegExp]>([
    ['an empty list', { tokens: [] }, /tokens must hold at least one token/],
    ['no list', { tokens: 3 }, /tokens must be a list/],
    ['an unknown role', { tokens: [{ ...good, role: 'root' }] }, /tokens\[0\]\.role must be one of report, read, admin/],
    ['a token in place of its hash', { tokens: [{ ...good, sha256: 'hunter2' }] }, /tokens\[0\]\.sha256 must be the SHA-256/],
    ['a token in clear', { tokens: [{ ...good, token: 'hunter2' }] }, /tokens\[0\]\.token is not known here/],
    ['no namespaces', { tokens: [{ ...good, namespaces: [] }] }, /tokens\[0\]\.namespaces must name at least one/],
    ['a star among others', { tokens: [{ ...good, namespaces: ['a', '*'] }] }, /namespaces.* must be \* alone/],
    [
      'one name twice',
      { tokens: [good, { ...aToken('u'), name: good.name }] },
      /tokens\[1\]\.name is the same as of tokens\[0\]/,
    ],
    ['one token twice', { tokens: [good, { ...good, name: 'other' }] }, /tokens\[1\]\.sha256 is the same as of tokens\[0\]/],
    ['broken YAML', 'tokens: [', /tokens\.yaml:\d+/],
  ])('%s is refused, with its line and without the token', (_, content, message) => {
    const faults = readAuthFile(write(content)).faults ?? []
    const text = faults.map(({ source, message: says }) => `${source}: ${says}`).join('\n')
    expect(text).toMatch(message)
    expect(text).toMatch(/^tokens\.yaml:\d+: /)
    expect(text).not.toContain('hunter2')
  })

  test('every fault is told at once', () => {
    const { faults } = readAuthFile(write({ tokens: [{ ...good, role: 'x', sha256: 'y' }, { name: 'n' }] }))
    expect(faults?.length).toBeGreaterThanOrEqual(4)
  })
})

test('a new token has at least 128 random bits and never comes twice', () => {
  const tokens = new Set(Array.from({ length: 100 }, makeToken))
  expect(tokens.size).toBe(100)
  for (const token of tokens) expect(token).toMatch(/^es_[A-Za-z0-9_-]{43}$/)
})
