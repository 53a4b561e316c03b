import type { JobWriter } from './jobs.ts'
import { jobName, type Keys, type Shard } from './keys.ts'
import type { JobRecord } from './records.ts'
import type { Effects } from './rules/effects.ts'
import { type TaskTrace, traceOf } from './rules/operations.ts'
import type { Committer, Store } from './store/commit.ts'
import { execFrom } from './store/record-text.ts'

const tasksPerPage = 256

type Parts = { readonly store: Store; readonly keys: Keys; readonly committer: Committer; readonly jobs: JobWriter }

export type Removal = {
  /** `changed`: written while its tasks were read, and to be looked at once more. */
  readonly outcome: 'removed' | 'kept' | 'changed'
  readonly tasks: readonly TaskTrace[]
}

/** Takes whole jobs out of the store: past their retention, or because another one goes by their name. */
export class JobRemover {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Removes a job if that is still to be done when it is written.
   * @param isDue judges the newest record
   * @param announce notes what the removal sets off
   * @throws ScopeError REDIS_UNAVAILABLE
   */
  async remove(
    shard: Shard,
    { namespace, jobId }: Pick<JobRecord, 'namespace' | 'jobId'>,
    isDue: (job: JobRecord) => boolean,
    announce: (job: JobRecord, tasks: readonly TaskTrace[], effects: Effects) => void,
  ): Promise<Removal> {
    const { store, keys, committer, jobs } = this.#parts
    const seen = (await committer.observed('sweep', () => store.hget(keys.job(shard, namespace, jobId), 'v'))) ?? ''
    const tasks = await this.#tasksOf(shard, namespace, jobId)
    let outcome: Removal['outcome'] = 'kept'
    const execId = tasks[0]?.task ?? ''
    await jobs.write(shard, {
      kind: 'operation',
      name: jobName(namespace, jobId),
      namespace,
      jobId,
      execId,
      needsOlder: false,
      operate: (state, effects, token) => {
        const { job } = state
        outcome = 'kept'
        if (job === undefined || !isDue(job)) return
        outcome = token === seen ? 'removed' : 'changed'
        if (outcome === 'changed') return
        state.isRemoved = true
        announce(job, tasks, effects)
      },
    })
    return { outcome, tasks }
  }

  /** Every task of a job with its engine, read in pages. */
  async #tasksOf(shard: Shard, namespace: string, jobId: string): Promise<TaskTrace[]> {
    const { store, keys, committer } = this.#parts
    const key = keys.job(shard, namespace, jobId)
    // By field: while Redis grows a hash it may tell of a field twice.
    const tasks = new Map<string, TaskTrace[]>()
    let cursor = '0'
    do {
      const [next, found] = await committer.observed('sweep', () =>
        store.hscan(key, cursor, 'MATCH', 't:*', 'COUNT', tasksPerPage),
      )
      cursor = next
      for (let i = 0; i + 1 < found.length; i += 2) {
        // Whose tasks they are the template says; the numbers beside it are not asked for.
        const exec = execFrom([found[i + 1]])
        const traces = Object.entries(exec?.current ?? {}).map(([engineKey, record]) => traceOf(record, engineKey))
        tasks.set(found[i] as string, traces)
      }
    } while (cursor !== '0')
    return [...tasks.values()].flat()
  }
}
