import type { Keys } from './keys.ts'
import type { TaskLabels } from './records.ts'
import type { Committer, Store } from './store/commit.ts'

export type LabelKind = 'namespace' | 'task_type' | 'engine_type'

const script = `
-- Purpose: enters a label value in a bounded set. KEYS[1] the set. ARGV: value, most values.
-- Answers: 1 when the value is in the set, 0 when there is no room for it.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
`

/** Value under which everything beyond the cap of a label is counted. */
const foldedValue = 'other'

/**
 * Keeps the number of values of a label bounded, the same for all replicas: the first so many values are kept,
 * the rest is counted as `other`. A value that was once kept stays kept.
 */
export class LabelValues {
  readonly #store: Store
  readonly #keys: Keys
  readonly #committer: Committer
  readonly #max: Record<LabelKind, number>
  /** Questions on their way: the first request of a process asks about one value a thousand times. */
  readonly #asking = new Map<string, Promise<string>>()
  readonly #known: Record<LabelKind, Map<string, string>> = { namespace: new Map(), task_type: new Map(), engine_type: new Map() }

  #last: (TaskLabels & { readonly labels: TaskLabels }) | undefined

  constructor(store: Store, keys: Keys, committer: Committer, max: Record<LabelKind, number>) {
    this.#store = store
    this.#keys = keys
    this.#committer = committer
    this.#max = max
  }

  /** Label values of a task, asking the store about those never seen here. @throws ScopeError REDIS_UNAVAILABLE */
  async labelsOf(namespace: string, taskType: string, engineType: string): Promise<TaskLabels> {
    return {
      namespace: this.#quick('namespace', namespace) ?? (await this.#ask('namespace', namespace)),
      taskType: this.#quick('task_type', taskType) ?? (await this.#ask('task_type', taskType)),
      engineType: this.#quick('engine_type', engineType) ?? (await this.#ask('engine_type', engineType)),
    }
  }

  /** The same without asking; undefined when one of them was never seen here. */
  knownLabelsOf(namespace: string, taskType: string, engineType: string): TaskLabels | undefined {
    const last = this.#last
    if (last !== undefined && last.namespace === namespace && last.taskType === taskType && last.engineType === engineType)
      return last.labels
    const labels = {
      namespace: this.#quick('namespace', namespace),
      taskType: this.#quick('task_type', taskType),
      engineType: this.#quick('engine_type', engineType),
    }
    if (labels.namespace === undefined || labels.taskType === undefined || labels.engineType === undefined) return undefined
    // A value once kept, or folded since all places were taken, stays so; and reports of a kind come together.
    this.#last = { namespace, taskType, engineType, labels: labels as TaskLabels }
    return this.#last.labels
  }

  #quick(kind: LabelKind, value: string): string | undefined {
    const known = this.#known[kind].get(value)
    if (known !== undefined) return known
    // As many kept values as there is room for: whatever else comes is folded without a question.
    return this.#known[kind].size >= this.#max[kind] ? foldedValue : undefined
  }

  #ask(kind: LabelKind, value: string): Promise<string> {
    const name = `${kind} ${value}`
    const asking = this.#asking.get(name) ?? this.#askStore(kind, value).finally(() => this.#asking.delete(name))
    this.#asking.set(name, asking)
    return asking
  }

  async #askStore(kind: LabelKind, value: string): Promise<string> {
    const key = this.#keys.labelValues(kind)
    const answer = await this.#committer.observed('label', () => this.#store.eval(script, 1, key, value, this.#max[kind]))
    if (answer === 1) {
      this.#known[kind].set(value, value)
      return value
    }
    // Full: learn the kept values, so that no further stranger costs a question.
    const kept = await this.#committer.observed('label', () => this.#store.smembers(key))
    for (const member of kept) this.#known[kind].set(member, member)
    return foldedValue
  }
}
