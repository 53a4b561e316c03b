import type { Report } from '../report/report.ts'
import type { JobRemover } from './job-remover.ts'
import type { EngineWriter, JobWriter } from './jobs.ts'
import { jobName, type Keys, type Shard } from './keys.ts'
import { type EngineRecord, type JobRecord, recordAt, type TaskRecord } from './records.ts'
import { isHeld } from './rules/engine-link.ts'
import type { JobRules } from './rules/job-state.ts'
import {
  alignWithEngine,
  announceRemoval,
  closeGaps,
  earlier,
  expiresAtMs,
  setStraggler,
  type TaskVerdict,
  watchTask,
} from './rules/operations.ts'
import type { RunHistory } from './run-history.ts'
import type { Committer, Store } from './store/commit.ts'
import type { TaskLink } from './store/engine-kind.ts'
import type { Operation } from './store/job-item.ts'
import { execFields, execFrom } from './store/record-text.ts'
import type { RedisClock } from './store/redis-clock.ts'

const timersPerSweep = 512
const tasksPerPage = 256

const moveTimer = `
-- Purpose: moves a timer, or takes it away, unless it has been set anew. KEYS[1] the timers.
-- ARGV: member, score it had, its new score ('' = away).
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
`

type Parts = {
  readonly store: Store
  readonly keys: Keys
  readonly clock: RedisClock
  readonly committer: Committer
  readonly jobs: JobWriter
  readonly engines: EngineWriter
  readonly rules: JobRules
  readonly runs: RunHistory
  readonly remover: JobRemover
}

type Timer = { readonly shard: Shard; readonly member: string; readonly score: string; readonly words: readonly string[] }

/**
 * Does what has come due in a shard: engines that fell silent and their tasks, gaps never filled, jobs past retention.
 * Run by the shard's owner; should two run at once, each step still takes effect once.
 */
export class Sweeper {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** @returns how many timers had come due. @throws ScopeError REDIS_UNAVAILABLE */
  async sweep(shard: Shard): Promise<number> {
    const { store, keys, clock, committer } = this.#parts
    const found = await committer.observed('sweep', () =>
      store.zrangebyscore(keys.due(shard), '-inf', clock.nowMs(), 'WITHSCORES', 'LIMIT', 0, timersPerSweep),
    )
    const timers: Timer[] = []
    for (let i = 0; i + 1 < found.length; i += 2) {
      const member = found[i] as string
      timers.push({ shard, member, score: found[i + 1] as string, words: JSON.parse(member) as string[] })
    }
    await Promise.all(timers.map((timer) => this.#act(timer)))
    return timers.length
  }

  #act(timer: Timer): Promise<void> {
    const [kind, first = '', second = '', third = '', fourth = ''] = timer.words
    switch (kind) {
      case 'engine':
        return this.#ageEngine(timer, first)
      case 'engine-tasks':
        return this.#alignTasks(timer, first)
      case 'gaps':
        return this.#closeGaps(timer, first, second, third)
      case 'expire':
        return this.#expire(timer, first, second)
      case 'register':
        return this.#register(timer, first, second, third, fourth)
      case 'watch':
        return this.#watch(timer, first, second, third, fourth)
      default:
        return this.#takeAway(timer)
    }
  }

  async #ageEngine(timer: Timer, instance: string): Promise<void> {
    const { engines, clock } = this.#parts
    if ((await this.#readEngine(timer.shard, instance)) === undefined) return this.#takeAway(timer)
    await engines.write(timer.shard, { kind: 'age', instance, nowMs: clock.nowMs() })
  }

  /** Gives up the tasks of a lost engine, takes up those of one that came back, looks again where it is too early to say. */
  async #alignTasks(timer: Timer, instance: string): Promise<void> {
    const { store, keys, committer, engines } = this.#parts
    const engine = await this.#readEngine(timer.shard, instance)
    if (engine === undefined) return this.#takeAway(timer)
    let lookAgainAtMs: number | undefined
    const released: TaskLink[] = []
    let cursor = '0'
    do {
      const [next, members] = await committer.observed('sweep', () =>
        store.sscan(keys.engineTasks(timer.shard, instance), cursor, 'COUNT', tasksPerPage),
      )
      cursor = next
      const verdicts = await Promise.all(members.map((member) => this.#alignTask(engine, member)))
      verdicts.forEach((verdict, i) => {
        const [namespace = '', jobId = '', execId = ''] = JSON.parse(members[i] as string) as string[]
        if (!verdict.isHeld) released.push({ namespace, jobId, execId, isHeld: false })
        lookAgainAtMs = earlier(lookAgainAtMs, verdict.lookAgainAtMs)
      })
    } while (cursor !== '0')
    if (released.length > 0) await engines.write(timer.shard, { kind: 'unlink', instance, links: released })
    await this.#move(timer, lookAgainAtMs)
  }

  async #alignTask(engine: EngineRecord, member: string): Promise<TaskVerdict> {
    const { clock, rules } = this.#parts
    const [namespace = '', jobId = '', execId = ''] = JSON.parse(member) as string[]
    let verdict: TaskVerdict = { isHeld: false, lookAgainAtMs: undefined }
    await this.#operate(namespace, jobId, execId, false, (state, effects) => {
      verdict = alignWithEngine(state, execId, engine, clock.nowMs(), rules, effects)
    })
    return verdict
  }

  async #closeGaps(timer: Timer, namespace: string, jobId: string, execId: string): Promise<void> {
    const { clock, rules } = this.#parts
    let isThere = false
    await this.#operate(namespace, jobId, execId, true, (state, effects) => {
      isThere = state.job !== undefined
      if (isThere) closeGaps(state, execId, clock.nowMs(), rules, effects)
    })
    if (!isThere) await this.#takeAway(timer)
  }

  async #expire(timer: Timer, namespace: string, jobId: string): Promise<void> {
    const { clock, rules, remover } = this.#parts
    const nowMs = clock.nowMs()
    let lookAgainAtMs: number | undefined
    const isDue = (job: JobRecord): boolean => {
      lookAgainAtMs = expiresAtMs(job, rules.retentionMs)
      return lookAgainAtMs !== undefined && lookAgainAtMs <= nowMs
    }
    const { outcome } = await remover.remove(timer.shard, { namespace, jobId }, isDue, announceRemoval)
    await this.#move(timer, outcome === 'removed' ? undefined : lookAgainAtMs)
  }

  /** Makes sure that the engine of a new task is known and knows of it, also if the first report was cut off half-way. */
  async #register(timer: Timer, namespace: string, jobId: string, execId: string, instance: string): Promise<void> {
    const { store, keys, clock, committer, engines } = this.#parts
    const key = keys.job(keys.shardOfJob(namespace, jobId), namespace, jobId)
    const exec = execFrom(await committer.observed('sweep', () => store.hmget(key, ...execFields(execId))))
    const record = Object.values(exec?.current ?? {}).find((task) => task.engine.instance === instance && isHeld(task))
    if (record !== undefined) {
      const link = { namespace, jobId, execId, isHeld: true }
      const arrival = {
        report: asReport(record),
        atMs: record.lastReportAtMs,
        stampUs: 0,
        engineType: record.labels.engineType,
        takesLines: false,
      }
      const nowMs = clock.nowMs()
      await engines.write(keys.shardOfEngine(instance), { kind: 'register', instance, nowMs, arrival, link })
    }
    await this.#takeAway(timer)
  }

  /** Looks at a running task: does it stand still, is it overdue? */
  async #watch(timer: Timer, namespace: string, jobId: string, execId: string, engineKey: string): Promise<void> {
    const { clock, rules, runs, jobs } = this.#parts
    let isThere = false
    const key = this.#parts.keys.job(timer.shard, namespace, jobId)
    const { committer, store } = this.#parts
    const exec = execFrom(await committer.observed('sweep', () => store.hmget(key, ...execFields(execId))))
    const record = recordAt(exec, engineKey)
    if (record !== undefined) {
      // Read before the rules run, which cannot wait.
      await runs.read(record.labels)
      await jobs.write(timer.shard, {
        kind: 'operation',
        name: jobName(namespace, jobId),
        namespace,
        jobId,
        execId,
        needsOlder: false,
        operate: (state, effects) => {
          isThere = recordAt(state.execs.get(execId), engineKey) !== undefined
          watchTask(state, { execId, engineKey }, clock.nowMs(), runs.known, rules, effects)
        },
      })
    }
    if (!isThere) await this.#takeAway(timer)
  }

  /** Keeps in the store whether a running task is far behind its siblings. @throws ScopeError REDIS_UNAVAILABLE */
  async markStraggler(
    { namespace, jobId, task, engineKey }: { namespace: string; jobId: string; task: string; engineKey: string },
    isStraggler: boolean,
  ): Promise<void> {
    const { clock } = this.#parts
    await this.#operate(namespace, jobId, task, false, (state, effects) => {
      setStraggler(state, { execId: task, engineKey }, isStraggler, clock.nowMs(), effects)
    })
  }

  async #operate(namespace: string, jobId: string, execId: string, needsOlder: boolean, operate: Operation): Promise<void> {
    const { keys, jobs } = this.#parts
    const name = jobName(namespace, jobId)
    await jobs.write(keys.shardOfJobNamed(name), { kind: 'operation', name, namespace, jobId, execId, needsOlder, operate })
  }

  async #readEngine(shard: Shard, instance: string): Promise<EngineRecord | undefined> {
    const { store, keys, committer } = this.#parts
    const text = await committer.observed('sweep', () => store.hget(keys.engine(shard, instance), 'engine'))
    return text === null ? undefined : (JSON.parse(text) as EngineRecord)
  }

  #takeAway(timer: Timer): Promise<void> {
    return this.#move(timer, undefined)
  }

  async #move({ shard, member, score }: Timer, atMs: number | undefined): Promise<void> {
    const { store, keys, committer } = this.#parts
    const next = atMs === undefined ? '' : String(atMs)
    await committer.observed('sweep', () => store.eval(moveTimer, 1, keys.due(shard), member, score, next))
  }
}

/** The part of a task's record that says who its engine is, as a report without news. */
function asReport(record: TaskRecord): Report {
  return {
    namespace: record.namespace,
    jobId: record.jobId,
    isJobIdDerived: false,
    execId: record.task,
    attempt: record.attempt,
    scope: record.scope,
    engine: record.incarnation === '' ? record.engine : { ...record.engine, incarnation: record.incarnation },
  }
}
