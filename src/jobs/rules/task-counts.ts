/** How a change of a task's record shows in the totals of its shard. */

import { isEnd, isOpen, type TaskStatus } from '../../report/status.ts'
import type { TaskRecord } from '../records.ts'
import { bucketOf, counterFields } from './counter-fields.ts'
import { addTo, type Effects, setWaiting } from './effects.ts'
import { isStalled } from './findings.ts'
import { hasGaps } from './order.ts'
import { runSampleOf } from './pace.ts'
import { queueMsOf, runMsOf } from './task-times.ts'

export type Bounds = { readonly durationSeconds: readonly number[]; readonly queueSeconds: readonly number[] }

/** Counts what changed between two states of one record. An end counts once, also that of an attempt that was superseded. */
export function countChange(before: TaskRecord | undefined, after: TaskRecord, effects: Effects): void {
  // Most reports change nothing of this.
  if (before !== undefined && isCountedAlike(before, after)) return
  const wasOpen = before !== undefined && isOpen(before.status) && before.isSuperseded !== true
  const isNowOpen = isOpen(after.status) && after.isSuperseded !== true
  if (wasOpen) addTo(effects, counterFields.tasks(before.labels, before.status), -1)
  if (isNowOpen) addTo(effects, counterFields.tasks(after.labels, after.status), 1)
  if (isEnd(after.status) && (before === undefined || !isEnd(before.status))) {
    addTo(effects, counterFields.finished(after.labels, after.status), 1)
  }
  countConditions(before, after, effects)
  if (after.status === 'lost' && before?.status !== 'lost') addTo(effects, counterFields.lost(after.labels), 1)
}

function isCountedAlike(before: TaskRecord, after: TaskRecord): boolean {
  return (
    before.status === after.status &&
    before.isSuperseded === after.isSuperseded &&
    before.labels === after.labels &&
    isStalled(before) === isStalled(after) &&
    !isWaiting(after)
  )
}

/** Standing still and waiting: what a task leaves is written first, for labels or engine may have changed. */
function countConditions(before: TaskRecord | undefined, after: TaskRecord, effects: Effects): void {
  if (before !== undefined) {
    if (isStalled(before)) addTo(effects, counterFields.stalled(before.labels), -1)
    if (isWaiting(before)) setWaiting({ ...before, engine: before.engine.instance }, undefined, effects)
  }
  if (isStalled(after)) addTo(effects, counterFields.stalled(after.labels), 1)
  if (isWaiting(after)) setWaiting({ ...after, engine: after.engine.instance }, after.submittedAtMs, effects)
}

/** Whether a task of this status has not begun to run. */
export const isWaitingStatus = (status: TaskStatus): boolean =>
  status === 'inited' || status === 'scheduled' || status === 'waiting_for_retry'

const isWaiting = (record: TaskRecord) => isWaitingStatus(record.status) && record.isSuperseded !== true

/**
 * Puts waiting and run time into the histograms, each once. While reports are missing that could move the start,
 * it waits for them or for their gap to be closed, so that the order of arrival cannot change a bucket.
 */
export function observeTimes(record: TaskRecord, bounds: Bounds, effects: Effects): void {
  if (hasGaps(record.streams)) return
  const { labels, status } = record
  const queueMs = record.isQueueObserved === true ? undefined : queueMsOf(record)
  if (queueMs !== undefined) {
    record.isQueueObserved = true
    addTo(effects, counterFields.queueBucket(labels, bucketOf(bounds.queueSeconds, queueMs)), 1)
    addTo(effects, counterFields.queueSumMs(labels), Math.round(queueMs))
    addTo(effects, counterFields.queueCount(labels), 1)
  }
  const runMs = record.isDurationObserved === true || !isEnd(status) ? undefined : runMsOf(record)
  if (runMs === undefined || !isEnd(status)) return
  record.isDurationObserved = true
  addTo(effects, counterFields.durationBucket(labels, status, bucketOf(bounds.durationSeconds, runMs)), 1)
  addTo(effects, counterFields.durationSumMs(labels, status), Math.round(runMs))
  addTo(effects, counterFields.durationCount(labels, status), 1)
  if (status === 'succeeded') {
    const id = JSON.stringify([record.namespace, record.jobId, record.task, record.attempt, record.firstArrivalAtMs])
    effects.runs.push({ id, labels, sample: runSampleOf(record, runMs) })
  }
}
