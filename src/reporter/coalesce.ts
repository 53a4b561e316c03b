import type { Problems } from './problems.ts'
import { type OpenStatus, openStatuses, type TaskUpdate } from './wire.ts'

/** Parts that are replaced as a whole. The engine's object is kept, not copied: it is read when the report is written. */
export const wholeParts = ['progressInfo', 'resourceMap', 'metadata', 'lineage', 'workflowToken'] as const
/** Parts that are merged key by key, so that what two calls said does not depend on whether a report went out between them. */
export const keyedParts = ['usage', 'algorithmMetrics', 'attributes'] as const

export type PartName = (typeof wholeParts)[number] | (typeof keyedParts)[number]

const keysMax: Readonly<Record<(typeof keyedParts)[number], number>> = { usage: 16, algorithmMetrics: 256, attributes: 256 }

/** Everything known of one task, newest value of each part. */
export class TaskParts {
  status: OpenStatus
  progress: number | undefined
  readonly values = new Map<PartName, unknown>()
  /** Parts changed since they were last written. */
  readonly changed = new Set<PartName>()
  readonly #problems: Problems

  constructor(status: OpenStatus, problems: Problems) {
    this.status = status
    this.#problems = problems
  }

  /** Takes news in. @returns whether the status is now another one, which is reported at once. */
  merge(update: TaskUpdate): boolean {
    this.#mergeProgress(update.progress)
    for (const name of wholeParts) {
      const value = update[name]
      if (value === undefined || value === null) continue
      if (typeof value !== 'object') this.#refuse(name)
      else this.#set(name, value)
    }
    for (const name of keyedParts) this.#mergeKeys(name, update[name])
    return this.#mergeStatus(update.status)
  }

  /** Leaves a part out from now on, because the aggregator cannot read it. @returns whether there was such a part. */
  forget(name: string): boolean {
    this.changed.delete(name as PartName)
    return this.values.delete(name as PartName)
  }

  #set(name: PartName, value: unknown): void {
    this.values.set(name, value)
    this.changed.add(name)
  }

  #mergeProgress(progress: unknown): void {
    if (progress === undefined || progress === null) return
    if (typeof progress === 'number' && progress >= 0 && progress <= 1) this.progress = progress
    else this.#refuse('progress')
  }

  #mergeStatus(status: unknown): boolean {
    if (status === undefined || status === null) return false
    const known = openStatuses.find((word) => word === status)
    if (known === undefined) this.#refuse('status')
    if (known === undefined || known === this.status) return false
    this.status = known
    return true
  }

  #mergeKeys(name: (typeof keyedParts)[number], news: unknown): void {
    if (news === undefined || news === null) return
    if (typeof news !== 'object' || Array.isArray(news)) {
      this.#refuse(name)
      return
    }
    const entries = Object.entries(news)
    const known = this.values.get(name)
    const merged = entries.length > 0 && known instanceof Map ? known : new Map<string, unknown>()
    for (const [key, value] of entries) {
      if (value !== undefined && value !== null) this.#mergeKey(name, merged, key, value)
    }
    this.#set(name, merged)
  }

  #mergeKey(name: (typeof keyedParts)[number], merged: Map<string, unknown>, key: string, value: unknown): void {
    const shortKey = key.slice(0, 64)
    if (name === 'usage' && !isAmount(value)) this.#refuse(`usage.${shortKey}`)
    else if (merged.has(key) || merged.size < keysMax[name]) merged.set(key, name === 'attributes' ? String(value) : value)
    else this.#problems.tell('PART_TOO_LARGE', `${name} has too many keys; ${shortKey} and others are left out`)
  }

  #refuse(name: string): void {
    this.#problems.tell('ARGUMENT_INVALID', `update: ${name} does not fit and is left out`)
  }
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
