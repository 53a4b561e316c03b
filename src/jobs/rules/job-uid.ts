/** A job is a resource with a uid, where its reports name one: another uid under the same name is another job. */
import type { Report } from '../../report/report.ts'
import type { JobRecord } from '../records.ts'

const formerUidsMax = 8

/** Uids that a job of this uid would have replaced; undefined when there is nothing to replace. */
export function replacedUids(job: JobRecord | undefined, uid: string | undefined): string[] | undefined {
  if (job?.uid === undefined || uid === undefined || job.uid === uid || job.formerUids?.includes(uid) === true) return undefined
  return [job.uid, ...(job.formerUids ?? [])].slice(0, formerUidsMax)
}

/** Whether a report speaks of a job that this one has replaced. */
export const isOfFormer = (job: JobRecord | undefined, uid: string | undefined): boolean =>
  uid !== undefined && job?.formerUids?.includes(uid) === true

export const uidOf = (report: Report): string | undefined => report.attributes?.['uid']
