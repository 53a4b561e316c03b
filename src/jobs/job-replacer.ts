import { ScopeError } from '../errors.ts'
import type { JobRemover } from './job-remover.ts'
import type { EngineWriter } from './jobs.ts'
import type { Keys } from './keys.ts'
import type { JobRecord } from './records.ts'
import { announceReplacement, type TaskTrace } from './rules/operations.ts'
import type { RedisClock } from './store/redis-clock.ts'

const triesMax = 5

/** Makes room for a job of another `uid` under the same name. */
export class JobReplacer {
  readonly #keys: Keys
  readonly #clock: RedisClock
  readonly #remover: JobRemover
  readonly #engines: EngineWriter

  constructor(keys: Keys, clock: RedisClock, remover: JobRemover, engines: EngineWriter) {
    this.#keys = keys
    this.#clock = clock
    this.#remover = remover
    this.#engines = engines
  }

  /**
   * Removes the job unless it is the one of this uid already.
   * @throws ScopeError REDIS_UNAVAILABLE, and BUSY while it is written all the time
   */
  async makeRoom(name: Pick<JobRecord, 'namespace' | 'jobId'>, uid: string): Promise<void> {
    const shard = this.#keys.shardOfJob(name.namespace, name.jobId)
    const isOther = (job: JobRecord) => job.uid !== undefined && job.uid !== uid
    for (let tries = 0; tries < triesMax; tries++) {
      const { outcome, tasks } = await this.#remover.remove(shard, name, isOther, (job, traces, effects) =>
        announceReplacement(job, traces, this.#clock.nowMs(), effects),
      )
      if (outcome === 'removed') await this.#release(name, tasks)
      if (outcome !== 'changed') return
    }
    throw new ScopeError('BUSY', 'the job that is to be replaced is written all the time')
  }

  async #release({ namespace, jobId }: Pick<JobRecord, 'namespace' | 'jobId'>, tasks: readonly TaskTrace[]): Promise<void> {
    const release = ({ task, engine }: TaskTrace) => {
      const links = [{ namespace, jobId, execId: task, isHeld: false }]
      return this.#engines.write(this.#keys.shardOfEngine(engine), { kind: 'unlink', instance: engine, links })
    }
    await Promise.all(tasks.map(release))
  }
}
