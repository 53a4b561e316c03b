import type { Problems } from './problems.ts'
import { type Delivery, type EndStatus, endStatuses, type LogLevel, type TaskError, type TaskUpdate } from './wire.ts'

/** The last news of a task, said together with its end. */
export type FinalUpdate = Omit<TaskUpdate, 'status'> & { readonly error?: TaskError | undefined }

/** One execution. No call throws, and none but the three that end it does more than take the news in. */
export type Task = {
  readonly jobId: string | undefined
  readonly execId: string | undefined
  /** Takes news in; the newest value of each part is reported. Thousands of calls a second cost one report. */
  readonly update: (news: TaskUpdate) => void
  /** Adds a log line, with the time of this call. `line` may have several lines of text; 64 KiB at most. */
  readonly log: (level: LogLevel, line: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Ends the task. Resolves once the end has arrived, or undelivered after 30 s; never rejects. */
  readonly finish: (status?: EndStatus, last?: FinalUpdate) => Promise<Delivery>
  /** Ends the task as `failed`, with what was thrown. */
  readonly fail: (error?: unknown, last?: FinalUpdate) => Promise<Delivery>
  /** Sends what was said and speaks of the task no more, without an end: another engine goes on with it. */
  readonly release: () => void
  /** Ends the task as `cancelled`. */
  readonly cancel: (reason?: string) => Promise<Delivery>
}

/** What a task's calls come down to. */
export type TaskActions = {
  readonly update: (news: TaskUpdate) => void
  readonly log: (level: unknown, line: unknown, fields: unknown) => void
  readonly release: () => void
  readonly end: (status: EndStatus, error: TaskError | undefined, last: TaskUpdate | undefined) => Promise<Delivery>
}

/** The handle an engine holds. */
export function taskHandle(
  ids: { jobId: string | undefined; execId: string | undefined },
  actions: TaskActions,
  problems: Problems,
): Task {
  const undone = Promise.resolve<Delivery>({ delivered: false, reason: 'invalid' })
  const end = (status: EndStatus, error: TaskError | undefined, last: FinalUpdate | undefined): Promise<Delivery> =>
    problems.guard(() => {
      if (endStatuses.includes(status)) return actions.end(status, error ?? last?.error, last)
      problems.tell('ARGUMENT_INVALID', 'finish: the status is not one that ends a task; the task stays open')
      return undone
    }, undone)
  return {
    ...ids,
    update: (news) => problems.guard(() => actions.update(news), undefined),
    log: (level, line, fields) => problems.guard(() => actions.log(level, line, fields), undefined),
    release: () => problems.guard(() => actions.release(), undefined),
    finish: (status = 'succeeded', last) => end(status, undefined, last),
    fail: (error, last) =>
      end(
        'failed',
        problems.guard(() => errorFrom(error), undefined),
        last,
      ),
    cancel: (reason) => end('cancelled', reason === undefined ? undefined : { message: String(reason) }, undefined),
  }
}

/** A task of a reporter that cannot report: every call is taken, none does anything. */
export function inertTask(ids: { jobId: string | undefined; execId: string | undefined }): Task {
  const never = () => Promise.resolve<Delivery>({ delivered: false, reason: 'disabled' })
  return { ...ids, update: () => {}, log: () => {}, release: () => {}, finish: never, fail: never, cancel: never }
}

/** Code and message of anything that can be thrown; of an `Error` without a code, its name is the code. */
export function errorFrom(error: unknown): TaskError | undefined {
  if (error === undefined || error === null) return undefined
  if (typeof error !== 'object') return { message: String(error) }
  const { code, message, name } = error as Record<string, unknown>
  const word = [code, name].find((value) => (typeof value === 'string' && value !== '') || typeof value === 'number')
  return {
    ...(word === undefined ? {} : { code: String(word) }),
    message: typeof message === 'string' ? message : String(error),
  }
}
