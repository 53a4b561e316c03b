import { describe, expect, test } from 'vitest'
import { ScopeError } from '../errors.ts'
import { reportParser } from '../report/parse.ts'
import type { Outcome, Report, ReportResult } from '../report/report.ts'
import type { Batch, Step } from './batch.ts'
import { type Apply, applyBatch } from './batch-applier.ts'

const parse = reportParser(undefined, { isNewsRequired: false })

function aReport(execId: string): Report {
  const parsed = parse({ execId, jobId: 'run', status: 'Running', engine: { instance: 'run', engineType: 'cdap' } }, 0)
  if (!parsed.isValid) throw new Error(parsed.rejection.message)
  return parsed.report
}

const aStep = (execId: string, more: Partial<Step> = {}): Step => ({
  ...{ topic: 'heartbeat', report: aReport(execId), messages: 1, isLines: false, hasAttempt: false, entry: undefined },
  ...{ position: `0000.1764300000000-000000000${execId}`, ...more },
})

const aBatch = (steps: Step[]): Pick<Batch, 'steps' | 'counts' | 'refused' | 'results'> => {
  return { steps, counts: new Map(), refused: [], results: [] }
}

/** Answers with these outcomes, one list a call; the last again and again. */
function applying(...calls: readonly (readonly (Outcome | 'lost' | ReportResult)[])[]): Apply {
  let at = 0
  return async () => {
    const call = calls[Math.min(at++, calls.length - 1)] ?? []
    if (call.includes('lost')) throw new Error('no answer')
    return call.map((each) => (typeof each === 'string' ? ({ outcome: each } as ReportResult) : each))
  }
}

const always = () => true
const countsOf = (counts: ReadonlyMap<string, number>) => Object.fromEntries(counts)

describe('a batch that is applied again because its commit was not answered', () => {
  test('counts by what its reports came to the first time', async () => {
    const batch = aBatch([aStep('1', { messages: 3 }), aStep('2'), aStep('3')])
    const apply = applying(['applied', 'duplicate', 'stale'], ['duplicate', 'duplicate', 'duplicate'])
    const first = await applyBatch(batch, [], apply, always)
    const second = await applyBatch(batch, [], apply, always)
    const third = await applyBatch(batch, [], apply, always)
    expect(countsOf(first.counts)).toEqual({
      '["heartbeat","applied"]': 3,
      '["heartbeat","duplicate"]': 1,
      '["heartbeat","stale"]': 1,
    })
    expect(countsOf(second.counts)).toEqual(countsOf(first.counts))
    expect(countsOf(third.counts)).toEqual(countsOf(first.counts))
  })

  test('counts anew what the store had lost and applied anew', async () => {
    const batch = aBatch([aStep('1')])
    const apply = applying(['stale'], ['applied'])
    await applyBatch(batch, [], apply, always)
    expect(countsOf((await applyBatch(batch, [], apply, always)).counts)).toEqual({ '["heartbeat","applied"]': 1 })
  })

  test('has its statuses in the log of statuses each time: that log knows which it has', async () => {
    const programRunId = { namespace: 'a', application: '', version: '', type: '', program: '', run: 'run' }
    const entry = { programRunId, programStatus: 'RUNNING' as const, status: 'running', time: 1 }
    const batch = aBatch([aStep('1', { entry, topic: 'program.status' }), aStep('2', { entry })])
    const apply = applying(['applied', 'closed'], ['duplicate', 'duplicate'])
    for (let i = 0; i < 2; i++)
      expect((await applyBatch(batch, [], apply, always)).entries).toMatchObject([{ topic: 'program.status', entry }])
  })
})

test('what was read for a job is counted by the store with what it does there, unless it is refused', async () => {
  const fetched = { runtimeId: 'run', log: 'logs', countedAs: 'logs', position: '1', isNote: true, hasAttempt: false }
  const steps = ['1', '2', '3'].map((execId) => aStep(execId, { topic: 'logs', report: { ...aReport(execId), fetched } }))
  const apply = applying(['applied', 'duplicate', { outcome: 'rejected', code: 'JOB_TASKS_LIMIT' }])
  const { counts } = await applyBatch(aBatch(steps), [], apply, always)
  expect(countsOf(counts)).toEqual({ '["logs","rejected"]': 1 })
})

test('what is rejected is kept with its reason; no room for the job makes the batch come again', async () => {
  const refused: ReportResult = { outcome: 'rejected', code: 'RUNTIME_FOREIGN', message: 'of another' }
  const applied = await applyBatch(aBatch([aStep('1')]), [], applying([refused]), always)
  expect(applied.refused).toEqual([
    { topic: 'heartbeat', messageId: '1764300000000-0000000001', reason: 'RUNTIME_FOREIGN of another', text: '' },
  ])
  expect(countsOf(applied.counts)).toEqual({ '["heartbeat","foreign"]': 1 })
  const full: ReportResult = { outcome: 'rejected', code: 'OPEN_JOBS_LIMIT' }
  await expect(applyBatch(aBatch([aStep('1')]), [], applying([full]), always)).rejects.toThrow(ScopeError)
})

test('nothing is applied under a lease that has run out', async () => {
  await expect(applyBatch(aBatch([aStep('1')]), [], applying(['applied']), () => false)).rejects.toThrow('lease')
})
