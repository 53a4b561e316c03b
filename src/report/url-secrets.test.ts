import { describe, expect, test } from 'vitest'
import { reportParser } from './parse.ts'
import { withoutUrlSecrets } from './url-secrets.ts'

const parse = reportParser()

function reportOf(fields: Readonly<Record<string, unknown>>) {
  const parsed = parse({ execId: 't1', status: 'running', engine: { instance: 'e1' }, ...fields }, 0)
  if (!parsed.isValid) throw new Error(parsed.rejection.message)
  return parsed.report
}

describe('a text loses the secrets of its URLs', () => {
  test.each([
    ['https://user:hunter2@m/a.pb', 'https://m/a.pb'],
    ['https://hunter2@m:8443/a.pb?x=1#y', 'https://m:8443/a.pb?x=1#y'],
    ['https:///user:hunter2@m/a', 'https:///m/a'],
    ['https://user:hunt/er2@m/a', 'https://m/a'],
    ['https://user:hunt?er2@m/a', 'https://m/a'],
    ['https://proxy/https://user:hunter2@m/a', 'https://proxy/https://m/a'],
    ['from https://a:hunter2@m/x to s3://b:hunter2@n/y', 'from https://m/x to s3://n/y'],
    ['postgres://h1:5432,h2:5432/db?user=me&password=hunter2', 'postgres://h1:5432,h2:5432/db?user=me&password=<secret>'],
    ['jdbc:sqlserver://h:1433;user=me;password=hunter2', 'jdbc:sqlserver://h:1433;user=me;password=<secret>'],
    ['https://m/a?X-Amz-Signature=hunter2&X-Amz-Expires=60', 'https://m/a?X-Amz-Signature=<secret>&X-Amz-Expires=60'],
    ['https://m/a?v=1&api_key=hunter2', 'https://m/a?v=1&api_key=<secret>'],
    ['https://m/a?sv=2020&sig=hunter2', 'https://m/a?sv=2020&sig=<secret>'],
    ['https://m/a?%74oken=hunter2', 'https://m/a?%74oken=<secret>'],
    ['https://m/#access_token=hunter2&state=1', 'https://m/#access_token=<secret>&state=1'],
  ])('%s is kept as %s', (text, kept) => {
    expect(withoutUrlSecrets(text)).toBe(kept)
    expect(withoutUrlSecrets(kept)).toBe(kept)
  })

  test.each([
    '',
    'plain words, me@example.org?token=1',
    'https://m/a?page=2&sort=key&tokens=',
    'file:///home/me@work/a',
    'https://m/@scope/package@1.0.0',
    'https://[::1]:8080/a?x=y@z',
    's3://bucket/a%20b?partNumber=1',
    'the day 10:30 of https://m/a and me@example.org',
    '://',
  ])('%j stays as it is', (text) => {
    expect(withoutUrlSecrets(text)).toBe(text)
  })

  test.each([
    ['many URLs', '://a:b/', undefined],
    ['many parameters', '?a=b&token', undefined],
    ['many slashes', ':///', undefined],
    ['many signs', '@://a:b?', 'me@m :// @://://a:b?'],
  ])('of %s as well, before a test is given up: by a search that begins anew at each it takes minutes', (_what, piece, kept) => {
    const text = `me@m :// ${piece.repeat(300_000)}`
    // Compared here: a difference of megabytes is not to be printed.
    expect(withoutUrlSecrets(text) === (kept ?? text)).toBe(true)
  })
})

describe('no secret of a URL is in what is kept of', () => {
  const secret = 'https://user:hunter2@m/a?token=hunter2'
  test.each([
    ['a metric', { algorithmMetrics: { source: secret } }],
    ['a metric within others', { algorithmMetrics: { model: { at: { url: secret, format: 'pb' } }, all: [secret] } }],
    ['the name of a metric', { algorithmMetrics: { [secret]: 'x' } }],
    ['the name of a class', { algorithmMetrics: { accuracyMetricForNewModel: { precision: { [secret]: 0.5 } } } }],
    ['an attribute', { attributes: { repository: secret } }],
    ['an attribute that is an object', { attributes: { conf: { 'spark.repository': [secret] } } }],
    ['the name of an attribute', { attributes: { [secret]: 'x' } }],
    ['an attribute by its other name', { extraInfoMap: { repository: secret } }],
    ['a field of a line', { logs: [{ line: 'x', fields: { at: secret } }] }],
    ['metadata', { metadata: { at: secret }, lineage: [{ from: secret }], workflowToken: { at: secret } }],
    ['an error', { error: { code: '1', message: `cannot reach ${secret}` } }],
    ['the engine', { engine: { instance: 'e1', node: secret, user: secret, engineVersion: secret } }],
    ['resources', { resourceMap: { a1: { jobStatus: 'RUNNING', queue: secret } } }],
  ])('%s', (_what, fields) => {
    const kept = JSON.stringify(reportOf(fields))
    expect(kept).toMatch(/https:\/\/m\/a\?token=<secret>|"https:\/\/m\/a"/)
    expect(kept).not.toContain('hunter2')
  })
})
