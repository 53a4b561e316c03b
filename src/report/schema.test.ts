import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { publishedReportSchema } from './schema.ts'

const isPublished = new Ajv2020({ strict: false, validateFormats: false }).compile(publishedReportSchema())

describe('the published schema', () => {
  test.each([
    [{ execId: '1', status: 'running', engine: { instance: 'e' } }],
    [{ execId: '1', progress: 0.5, engine: { instance: 'e', incarnation: 1_741_075_121_000 } }],
    [{ engine: { instance: 'e' }, engineTaskCounts: { running: 1 } }],
    [{ execId: '1', progress: 0.1, progressInfo: null, extraInfoMap: { engineInstance: 'node-09:40211' } }],
    [
      {
        execId: '1',
        status: 'running',
        engine: { instance: 'e' },
        logs: [{ line: 'l', fields: {} }],
        metadata: { a: [1] },
        foo: 1,
      },
    ],
  ])('takes %j', (report) => {
    expect(isPublished(report)).toBe(true)
  })

  test.each([
    [{ execId: '1', engine: { instance: 'e' } }],
    [{ execId: '1', status: 'running' }],
    [{ execId: '1', status: 'running', engine: { instance: 'a b' } }],
    [{ execId: '1', progress: 2, engine: { instance: 'e' } }],
    [{ execId: '1', status: 'running', engine: { instance: 'e' }, usage: { memoryBytes: -1 } }],
    [{ execId: '1', status: 'running', engine: { instance: 'e' }, logs: [{ level: 'INFO' }] }],
    [{ execId: '1', status: 'running', engine: { instance: 'e' }, seq: 0 }],
  ])('refuses %j', (report) => {
    expect(isPublished(report)).toBe(false)
  })

  test('shows nothing of how it is compiled', () => {
    expect(JSON.stringify(publishedReportSchema())).not.toContain('lenient')
  })
})
