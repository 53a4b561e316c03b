import type { AlertCase, RecordCase } from './case.ts'
import { engineCases } from './engines.ts'
import { hubCases } from './hub.ts'
import { recordCases } from './records.ts'
import { sednaCases, sednaRecords } from './sedna.ts'
import { ingestCases, logCases, replicaCases, sourceCases } from './service.ts'
import { taskCases } from './tasks.ts'

export { healthyFleet, healthyMinutes } from './healthy.ts'

/** Cases that go into one file for promtool. */
export type CaseFile = {
  readonly name: string
  readonly alerts?: readonly AlertCase[]
  readonly records?: readonly RecordCase[]
}

/** All cases, by file. */
export const caseFiles: readonly CaseFile[] = [
  { name: 'records', records: recordCases },
  { name: 'engines', alerts: engineCases },
  { name: 'tasks', alerts: taskCases },
  { name: 'ingest', alerts: ingestCases },
  { name: 'logs', alerts: logCases },
  { name: 'replicas', alerts: replicaCases },
  { name: 'sources', alerts: sourceCases },
  { name: 'hub', alerts: hubCases },
  { name: 'sedna', alerts: sednaCases, records: sednaRecords },
]
