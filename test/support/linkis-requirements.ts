/** What engines that report their running tasks are promised, by number, and which test file holds each promise. */
import { type TestOptions, test } from 'vitest'

type Requirement = { readonly says: string; readonly file: string }

const reports = 'test/service/linkis-reports.test.ts'
const progress = 'test/service/linkis-progress.test.ts'
const endings = 'test/service/linkis-endings.test.ts'
const liveness = 'test/service/liveness.test.ts'
const logs = 'test/service/logs.test.ts'
const faults = 'test/service/store-faults.test.ts'
const fixtures = 'test/service/linkis-fixtures.test.ts'

/** Those tested elsewhere name the test in `says`. */
export const requirements = {
  M1: { file: reports, says: 'one request updates the job, its series and its log lines; no second call' },
  M2: { file: reports, says: 'every optional part may be absent or null; the rest is applied' },
  M3: { file: reports, says: 'absent and null keep what is known; {} and [] say none now' },
  M4: {
    file: reports,
    says: 'without what is required an item is rejected with code, path and message, and nothing of it is applied',
  },
  M5: { file: reports, says: 'a batch is judged item by item; what was not plainly applied is named' },
  M6: { file: reports, says: 'two engines, or two starts of one, may use the same execId: separate tasks' },
  M7: { file: reports, says: 'the first report of an unknown task creates it, also with an end, which is counted once' },
  M8: { file: fixtures, says: 'the bare message of Linkis is taken as it is' },
  M9: { file: progress, says: 'progress never falls within an attempt; the rest of such a report is applied' },
  M10: { file: progress, says: 'only a higher attempt starts progress over; a bare 0 does not' },
  M11: { file: progress, says: 'a progress that is none is dropped and counted, its siblings applied, and no series shows NaN' },
  M12: { file: progress, says: 'what has not ended shows at most 0.99, what succeeded 1' },
  M13: { file: progress, says: 'failed, cancelled and timed out keep the last real progress' },
  M14: { file: progress, says: 'progressInfo is kept whole; ids come, go and come back; its sums are series' },
  M15: { file: progress, says: 'without progress the subtasks tell it; a total of 0 keeps what is known' },
  M16: { file: progress, says: 'the progress of a job is the mean over its current tasks from the first report on' },
  M17: { file: endings, says: 'applications are kept apart; the series sum the live ones; finished ones stay in the detail' },
  M18: { file: endings, says: 'bytes and cores are exact in Redis, in the API and in the series' },
  M19: { file: endings, says: 'at the end of a task its resource series are gone at the next scrape' },
  M20: { file: endings, says: 'a change of resources alone is visible' },
  M21: { file: endings, says: 'an end is final: later reports are closed, their lines kept, nothing else changes' },
  M22: { file: logs, says: 'lines and final counts of the ending report are there when the end is published' },
  M23: { file: liveness, says: 'a task that succeeded stays so when its engine is lost, and a real error is kept' },
  M24: { file: endings, says: 'what was cancelled stays cancelled when the engine says failed or succeeded' },
  M25: { file: endings, says: 'a long error message is cut with a marker; its code and beginning are kept' },
  M26: { file: reports, says: 'gauges of an engine come from the newest arrival, once, never summed over a batch' },
  M27: { file: reports, says: 'finished counts survive a restart under the same name: no dip, no double count' },
  M28: { file: liveness, says: 'a silent engine is suspect, then lost; its open tasks become lost once, by one of two replicas' },
  M29: { file: liveness, says: 'an engine that speaks again is live, and its tasks take up where they were' },
  M30: { file: reports, says: 'time in each state is a counter in seconds; what the engine is stands in its info' },
  M31: { file: reports, says: 'the detail of a job has the same shape while it runs and afterwards, and numbers are numbers' },
  M32: { file: logs, says: 'lines keep order, level, rows and blanks; long ones are cut and counted; no execId is a label' },
  M33: { file: 'test/service/retention.test.ts', says: 'after retention keys, series and memory are back where they were' },
  M34: { file: faults, says: 'what does not fit is refused with Retry-After and counted' },
  M35: { file: fixtures, says: 'ends alike when two replicas are sent everything at once, each report applied by one of them' },
  M36: { file: fixtures, says: 'ends alike when every report comes twice, the second time as a duplicate' },
  M37: { file: reports, says: 'the delay of a report is arrival minus reportedAt, and never below 0' },
  M38: { file: faults, says: 'without Redis ingest answers 503, the series stay, and it recovers by itself' },
  M39: { file: 'prometheus/tests', says: 'alerts are silent and fire when they should' },
  M40: {
    file: 'src/reporter/reporter.test.ts',
    says: 'an open task is reported every interval, numbered from 1 under one incarnation',
  },
} as const satisfies Record<string, Requirement>

export type RequirementId = keyof typeof requirements

/** A test that holds one requirement, named by its sentence. */
export function requirement(id: RequirementId, run: () => Promise<void>, options: TestOptions = {}): void {
  test(`${id}: ${requirements[id].says}`, options, run)
}
