/** The canonical words for where a task stands. `lost` is given by the aggregator only and is never accepted from outside. */
export const taskStatuses = [
  'inited',
  'scheduled',
  'running',
  'suspended',
  'waiting_for_retry',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'lost',
] as const

export type TaskStatus = (typeof taskStatuses)[number]

/** Statuses a task can still leave by itself. */
export const openStatuses = ['inited', 'scheduled', 'running', 'suspended', 'waiting_for_retry'] as const

/** Statuses that an engine reports as the end of an attempt. They are what `enginescope_tasks_finished_total` counts. */
export const endStatuses = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const

export type OpenStatus = (typeof openStatuses)[number]
export type EndStatus = (typeof endStatuses)[number]

/** Whether an attempt with this status has been ended by its engine. A `lost` task has not: its engine may speak again. */
export function isEnd(status: TaskStatus): status is EndStatus {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled' || status === 'timed_out'
}

/** Whether work may still go on: neither ended nor given up as lost. */
export function isOpen(status: TaskStatus): status is OpenStatus {
  return !isEnd(status) && status !== 'lost'
}
