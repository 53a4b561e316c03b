import type { Keys, Shard } from '../keys.ts'
import { type LogEntry, referenceTo, type ScopeEvent, stillOf, type TaskEvent } from '../records.ts'
import type { Effects } from '../rules/effects.ts'
import { runField, runSlotOf } from '../run-slots.ts'
import type { Change } from './change.ts'

const utf8BytesPerUnitMax = 3

/** Writes what a change sets off beside its record: totals, timers, log lines for shipping, and the word to listeners. */
export function writeEffects(change: Change, shard: Shard, keys: Keys, isShipping: boolean, effects: Effects): void {
  for (const [field, delta] of effects.counters) change.run('HINCRBY', keys.counters(shard), field, delta)
  if (effects.timers.length > 0) setTimers(change, keys.due(shard), effects)
  writeWaiting(change, shard, keys, effects)
  for (const { id, labels, sample } of effects.runs)
    change.run('HSET', keys.runs(shard), runField(labels, runSlotOf(id)), JSON.stringify(sample))
  if (isShipping) {
    for (const entry of effects.lines) ship(change, shard, keys, entry)
    for (const entry of effects.ownLines) ship(change, shard, keys, entry)
  }
  keepNewest(effects)
  announce(change, effects.events)
}

/** Of several events about one thing the newest says all: so listeners here hear what those who read the stream do. */
function keepNewest({ events }: Effects): void {
  // What a report of a task says: its record and its job's.
  if (events.length < 2 || (events.length === 2 && events[0]?.kind === 'task' && events[1]?.kind === 'job')) return
  const newest = new Map<string, ScopeEvent>()
  for (const event of events) newest.set(subjectOf(event), event)
  if (newest.size < events.length) events.splice(0, events.length, ...newest.values())
}

/** Names what an event is about. Ids hold no line ends. */
function subjectOf(event: ScopeEvent): string {
  switch (event.kind) {
    case 'task': {
      const { namespace, jobId, task, engine, scope } = stillOf(event)
      return `t\n${namespace}\n${jobId}\n${task}\n${engine.instance}\n${scope}`
    }
    case 'task-gone':
      return `t\n${event.namespace}\n${event.jobId}\n${event.task}\n${event.engine}\ntask`
    case 'job': {
      const { namespace, jobId } = stillOf(event)
      return `j\n${namespace}\n${jobId}`
    }
    case 'job-gone':
      return `j\n${event.namespace}\n${event.jobId}`
    case 'engine':
      return `e\n${event.record.instance}`
    case 'engine-gone':
      return `e\n${event.instance}`
  }
}

function writeWaiting(change: Change, shard: Shard, keys: Keys, effects: Effects): void {
  for (const { labels, member, submittedAtMs } of effects.waiting.values()) {
    const key = keys.waiting(shard, labels.taskType, labels.engineType)
    if (submittedAtMs === undefined) change.run('ZREM', key, member)
    else change.run('ZADD', key, submittedAtMs, member)
  }
}

/** Text of an entry for a tail: of one that is larger than the whole tail may be, the newest lines that fit, at least one. */
export function tailText(entry: LogEntry, bytesMax: number): string {
  const text = JSON.stringify(entry)
  if (text.length * utf8BytesPerUnitMax <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text
  let bytes = Buffer.byteLength(JSON.stringify({ ...entry, lines: [] }))
  let from = entry.lines.length
  while (from > 0) {
    bytes += Buffer.byteLength(JSON.stringify(entry.lines[from - 1])) + 1
    if (bytes > bytesMax && from < entry.lines.length) break
    from -= 1
  }
  return JSON.stringify({ ...entry, lines: entry.lines.slice(from) })
}

/** The last word on each timer counts. */
function setTimers(change: Change, key: string, effects: Effects): void {
  const gone: string[] = []
  for (const [member, atMs] of new Map(effects.timers.map((timer) => [timer.member, timer.atMs]))) {
    if (atMs === undefined) gone.push(member)
    else change.run('ZADD', key, atMs, member)
  }
  change.runMany('ZREM', key, gone)
}

function ship(change: Change, shard: Shard, keys: Keys, entry: LogEntry): void {
  const text = JSON.stringify(entry)
  change.run('XADD', keys.outbox(shard), '*', 'e', text)
  change.run('INCRBY', keys.outboxBytes(shard), Buffer.byteLength(text))
}

/** A report of a task speaks of its job as well: that takes one line. */
function announce(change: Change, events: readonly ScopeEvent[]): void {
  const [first, second] = events
  if (events.length === 2 && first?.kind === 'task' && second?.kind === 'job') {
    change.announce(`b${referenceOfTask(first)}`)
    return
  }
  for (const event of events) change.announce(referenceOf(event))
}

const referenceOfTask = (event: TaskEvent) => event.reference ?? referenceTo(stillOf(event))

/** What the stream says of an event: its kind and whom it is about. Readers fetch the record, which may be newer still. */
function referenceOf(event: ScopeEvent): string {
  switch (event.kind) {
    case 'task':
      return `t${referenceOfTask(event)}`
    case 'task-gone':
      return `t${JSON.stringify([event.namespace, event.jobId, event.task, event.engine, 'task'])}`
    case 'job': {
      const { namespace, jobId } = stillOf(event)
      return `j${JSON.stringify([namespace, jobId])}`
    }
    case 'job-gone':
      return `j${JSON.stringify([event.namespace, event.jobId])}`
    case 'engine':
      return `e${JSON.stringify([event.record.instance])}`
    case 'engine-gone':
      return `e${JSON.stringify([event.instance])}`
  }
}
