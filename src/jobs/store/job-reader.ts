import { ScopeError } from '../../errors.ts'
import type { Keys, Shard } from '../keys.ts'
import { recordAt, type TaskRecord } from '../records.ts'
import { counterFields } from '../rules/counter-fields.ts'
import type { Committer, Store } from './commit.ts'
import type { JobItem, JobLimits } from './job-item.ts'
import { LoadedJob } from './loaded-job.ts'
import type { Held } from './record-cache.ts'
import { execFields, execFrom, jobFields, jobFrom } from './record-text.ts'

const execsLoadedMax = 256

/** Loads as much of jobs as a batch of items needs. */
export class JobReader {
  readonly #store: Store
  readonly #keys: Keys
  readonly #committer: Committer
  readonly #limits: JobLimits

  constructor(store: Store, keys: Keys, committer: Committer, limits: JobLimits) {
    this.#store = store
    this.#keys = keys
    this.#committer = committer
    this.#limits = limits
  }

  async load(
    shard: Shard,
    items: readonly JobItem[],
    cached: (id: string) => Held<LoadedJob> | undefined,
  ): Promise<Map<string, Held<LoadedJob>>> {
    const loaded = new Map<string, Held<LoadedJob>>()
    const wanted = new Map<string, { item: JobItem; execIds: Set<string> }>()
    const states: (LoadedJob | undefined)[] = []
    for (const item of items) {
      const id = item.name
      const held = loaded.get(id) ?? cached(id)
      states.push(held?.state)
      if (held !== undefined && !wanted.has(id) && hasTask(held.state, item.execId)) loaded.set(id, held)
      else wanted.set(id, { item, execIds: new Set() })
    }
    if (wanted.size > 0) {
      await this.#loadJobs(shard, items, wanted, loaded, cached)
      for (const [i, item] of items.entries()) states[i] = loaded.get(item.name)?.state
    }
    const lacking = items.filter((item, i) => needsOlder(states[i], item))
    if (lacking.length > 0) await Promise.all(lacking.map((item) => this.#loadOlder(item, loaded)))
    await this.#findRoom(shard, items, states)
    return loaded
  }

  async #loadJobs(
    shard: Shard,
    items: readonly JobItem[],
    wanted: ReadonlyMap<string, { readonly item: JobItem; readonly execIds: Set<string> }>,
    loaded: Map<string, Held<LoadedJob>>,
    cached: (id: string) => Held<LoadedJob> | undefined,
  ): Promise<void> {
    for (const item of items) wanted.get(item.name)?.execIds.add(item.execId)
    await Promise.all(
      Array.from(wanted, async ([id, { item, execIds }]) => {
        loaded.set(id, await this.#loadJob(shard, item, execIds, cached(id)))
      }),
    )
  }

  /** Reads what the cached state lacks. Where that shows the cache to be outdated, all is read anew. */
  async #loadJob(
    shard: Shard,
    item: JobItem,
    execIds: Set<string>,
    cached: Held<LoadedJob> | undefined,
  ): Promise<Held<LoadedJob>> {
    // The record that speaks for the whole job decides its status, whichever task reports.
    const speaker = cached?.state.job?.jobScopedTask
    if (speaker !== undefined) execIds.add(speaker)
    const missing = [...execIds].filter((execId) => cached?.state.execs.has(execId) !== true)
    if (cached !== undefined && missing.length === 0) return cached
    const held = await this.#readTasks(shard, item, missing, cached)
    if (held === 'outdated') return this.#loadJob(shard, item, execIds, undefined)
    // Of a job with very many tasks only those in use stay loaded.
    if (held.state.execs.size > execsLoadedMax) held.state.keepTasks(execIds)
    return this.#loadJob(shard, item, execIds, held)
  }

  async #readTasks(
    shard: Shard,
    item: JobItem,
    execIds: readonly string[],
    cached: Held<LoadedJob> | undefined,
  ): Promise<Held<LoadedJob> | 'outdated'> {
    const key = this.#keys.jobNamed(shard, item.name)
    const fields = ['v', ...jobFields, ...execIds.flatMap(execFields)]
    const [token, job, jobNumbers, ...execs] = await this.#committer.observed('read', () => this.#store.hmget(key, ...fields))
    if (cached !== undefined && cached.token !== (token ?? '')) return 'outdated'
    const state =
      cached?.state ??
      new LoadedJob({ record: key, tail: this.#keys.tailNamed(shard, item.name) }, stored(jobFrom, [job, jobNumbers]))
    execIds.forEach((execId, i) => {
      state.execs.set(execId, stored(execFrom, execs.slice(2 * i, 2 * i + 2)))
    })
    return { token: token ?? '', state }
  }

  /** Reads the older attempts of a task beside what is loaded. */
  async #loadOlder(item: JobItem, loaded: Map<string, Held<LoadedJob>>): Promise<void> {
    const held = loaded.get(item.name)
    if (held === undefined || held.state.older.has(item.execId)) return
    const key = held.state.keys.record
    const [older] = await this.#committer.observed('read', () => this.#store.hmget(key, `o:${item.execId}`))
    // Read after the token: if the job changed in between, the commit is refused and all is read anew.
    held.state.older.set(item.execId, stored(readOlder, [older]) ?? [])
  }

  /** Says of jobs that do not exist yet whether their namespace may open one more. */
  async #findRoom(shard: Shard, items: readonly JobItem[], states: readonly (LoadedJob | undefined)[]): Promise<void> {
    const unborn = new Map<LoadedJob, string>()
    for (const [i, item] of items.entries()) {
      const state = states[i]
      if (item.kind === 'report' && state !== undefined && state.job === undefined) unborn.set(state, item.labels.namespace)
    }
    if (unborn.size === 0) return
    const namespaces = [...new Set(unborn.values())]
    const key = this.#keys.counters(shard)
    const counts = await this.#committer.observed('read', () => this.#store.hmget(key, ...namespaces.map(counterFields.openJobs)))
    const room = new Map(namespaces.map((namespace, i) => [namespace, this.#limits.openJobsMax - Number(counts[i] ?? 0)]))
    for (const [state, namespace] of unborn) {
      const left = room.get(namespace) ?? 0
      state.hasRoom = left > 0
      room.set(namespace, left - 1)
    }
  }
}

/** Whether the rules find all they need for a report of this task: the record that speaks for the whole job decides its status. */
function hasTask({ job, execs }: LoadedJob, execId: string): boolean {
  return execs.has(execId) && (job?.jobScopedTask === undefined || execs.has(job.jobScopedTask))
}

function needsOlder(state: LoadedJob | undefined, item: JobItem): boolean {
  if (state === undefined || state.older.has(item.execId)) return false
  if (item.kind === 'operation') return item.needsOlder
  const exec = state.execs.get(item.execId)
  if (exec === undefined) return false
  const { report } = item.arrival
  if (report.attempt !== exec.attempt) return true
  const incarnation = report.engine.incarnation
  const known = recordAt(exec, report.scope === 'job' ? '' : report.engine.instance)?.incarnation
  return report.isJobIdDerived && incarnation !== undefined && known !== undefined && known !== incarnation
}

type Field = string | null | undefined

const readOlder = ([text]: readonly Field[]) => (typeof text === 'string' ? (JSON.parse(text) as TaskRecord[]) : undefined)

function stored<T>(read: (fields: readonly Field[]) => T | undefined, fields: readonly Field[]): T | undefined {
  try {
    return read(fields)
  } catch (cause) {
    throw new ScopeError('INTERNAL', 'a stored record cannot be read', { cause })
  }
}
