/** The status of a task: at first sight, by its reports, and when its engine is given up or comes back. */
import type { Report } from '../../report/report.ts'
import { isOpen, type OpenStatus, type TaskStatus } from '../../report/status.ts'
import type { TaskRecord } from '../records.ts'
import { reportedProgress } from './progress.ts'

/** Where a task stands as its first report finds it; an end is taken in like any other. */
export function firstStatus(report: Report): OpenStatus {
  if (report.status !== undefined && isOpen(report.status)) return report.status
  return reportedProgress(report) === undefined ? 'inited' : 'running'
}

export function nextStatus(record: TaskRecord, report: Report): TaskStatus {
  const known = record.status === 'lost' ? (record.statusBeforeLost ?? 'running') : record.status
  const reported = report.status
  if (reported === undefined) return known
  const isStepBack = (known === 'running' || known === 'suspended') && (reported === 'inited' || reported === 'scheduled')
  return isStepBack && report.seq === undefined ? known : reported
}

export function takeStatus(record: TaskRecord, status: TaskStatus): void {
  if (record.status === 'lost' && (record.error?.code === 'ENGINE_LOST' || record.error?.code === 'ENGINE_RESTARTED'))
    delete record.error
  delete record.statusBeforeLost
  record.status = status
}

/** Gives a task up because its engine fell silent or began anew. The record is left alone when it has spoken since. */
export function giveUpTask(known: TaskRecord, code: 'ENGINE_LOST' | 'ENGINE_RESTARTED', message: string): TaskRecord | undefined {
  if (!isOpen(known.status)) return undefined
  return {
    ...known,
    status: 'lost',
    statusBeforeLost: known.status,
    ...(known.error === undefined ? { error: { code, message } } : {}),
  }
}

/** A task that was given up goes on where it was, because its engine spoke again. */
export function takeUpTask(known: TaskRecord): TaskRecord | undefined {
  if (known.status !== 'lost') return undefined
  const record = { ...known }
  takeStatus(record, (known.statusBeforeLost ?? 'running') satisfies OpenStatus)
  return record
}
