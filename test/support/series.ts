/** Builders for the tests of series: a store, and records with defaults. */

import type { SharedGroup } from '../../src/catalogue/index.ts'
import type { EngineRecord, TaskRecord } from '../../src/jobs/records.ts'
import { ExpositionStore } from '../../src/series/exposition-store.ts'
import { parsePrometheusText } from './prometheus-text.ts'

export function aStore(linesMax: Partial<Record<SharedGroup, number>> = {}) {
  const overflows: SharedGroup[] = []
  const store = new ExpositionStore({
    linesMax: { fleet: 1_000_000, engine: 1_000_000, task: 1_000_000, task_metric: 1_000_000, ...linesMax },
    onOverflow: (group) => overflows.push(group),
  })
  const text = () => Buffer.concat([...store.render('text')]).toString()
  return { store, overflows, text, families: () => parsePrometheusText(text()) }
}

export function aTask(changes: Partial<TaskRecord> = {}): TaskRecord {
  return {
    namespace: 'default',
    jobId: 'j1',
    task: 't1',
    attempt: 1,
    scope: 'task',
    labels: { namespace: 'default', taskType: 'sql', engineType: 'spark' },
    engine: { instance: 'n1:1', engineType: 'spark', node: 'n1', user: 'etl' },
    incarnation: '',
    status: 'running',
    progress: 0,
    hasProgress: false,
    progressInfo: [],
    applications: [],
    usage: {},
    metrics: {},
    counters: {},
    attributes: {},
    submittedAtMs: 1000,
    startedAtMs: 2000,
    startedArrivalAtMs: 2500,
    firstArrivalAtMs: 1500,
    lastReportAtMs: 10_000,
    streams: [],
    engineStampUs: 0,
    applied: 1,
    ...changes,
  }
}

export function anEngine(changes: Partial<EngineRecord> = {}): EngineRecord {
  return {
    instance: 'n1:1',
    facts: { instance: 'n1:1', engineVersion: '3.4.4', node: 'n1', ticketId: '6f1c', ecmInstance: 'n1:9102' },
    engineType: 'spark',
    incarnation: '',
    incarnations: [],
    state: 'live',
    isGone: false,
    firstSeenAtMs: 1000,
    lastReportAtMs: 10_000,
    counts: {},
    countsStampUs: 0,
    finished: {},
    stateSeconds: {},
    restarts: 0,
    streams: [],
    attributes: {},
    ...changes,
  }
}
