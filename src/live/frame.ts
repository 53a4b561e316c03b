/** The event stream: what changes in the shards, as Server-Sent Events for whoever looks on. */
import { engineSummary } from '../jobs/queries/engine-view.ts'
import { jobSummary } from '../jobs/queries/job-view.ts'
import { taskView } from '../jobs/queries/task-view.ts'
import { type ScopeEvent, stillOf } from '../jobs/records.ts'
import type { KnownRuns } from '../jobs/run-history.ts'

/** One event as it goes over the wire, made at most once however many clients get it. */
export type Frame = {
  /** Of several frames with one key only the newest matters. */
  readonly key: string
  readonly event: ScopeEvent
  readonly text: () => string
}

/** What one event says, and about what. @param runs what earlier runs were like, for the time left */
export function frameOf(event: ScopeEvent, runs: KnownRuns): Frame {
  let made: string | undefined
  const text = () => {
    made ??= textOf(event, runs)
    return made
  }
  return { key: keyOf(event), event, text }
}

/** Event name and data in the stream's form. JSON holds no line break, so one data line is enough. */
export function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

function keyOf(event: ScopeEvent): string {
  switch (event.kind) {
    case 'job': {
      const { namespace, jobId } = stillOf(event)
      return JSON.stringify(['job', namespace, jobId])
    }
    case 'job-gone':
      return JSON.stringify(['job', event.namespace, event.jobId])
    case 'task': {
      const { namespace, jobId, task, engine } = stillOf(event)
      return JSON.stringify(['task', namespace, jobId, task, engine.instance])
    }
    case 'task-gone':
      return JSON.stringify(['task', event.namespace, event.jobId, event.task, event.engine])
    case 'engine':
      return JSON.stringify(['engine', event.record.instance])
    case 'engine-gone':
      return JSON.stringify(['engine', event.instance])
  }
}

function textOf(event: ScopeEvent, runs: KnownRuns): string {
  switch (event.kind) {
    case 'job':
      return eventText('job', jobSummary(event.record, runs))
    case 'engine':
      return eventText('engine', engineSummary(event.record))
    case 'task':
      return eventText('task', { namespace: event.record.namespace, jobId: event.record.jobId, ...taskView(event.record, runs) })
    default: {
      const { kind, ...ids } = event
      return eventText(kind, ids)
    }
  }
}
