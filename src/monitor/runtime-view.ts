/** What the series show of a runtime that is followed. */
import type { FollowedRun } from './followed-run.ts'
import type { PollHealth } from './poll-health.ts'

export type RuntimeView = {
  readonly namespace: string
  readonly runtime: string
  readonly isUp: boolean
  readonly lastSuccessAtMs: number | undefined
  /** By topic label. */
  readonly behind: ReadonlyMap<string, number>
  readonly isOver: boolean
}

export function viewOf(followed: FollowedRun, health: PollHealth, isOver: boolean): RuntimeView {
  const { name, record } = followed
  return {
    namespace: name.namespace,
    runtime: name.id,
    isUp: !health.hasFailed && record?.state !== 'UNREACHABLE',
    lastSuccessAtMs: health.lastSuccessAtMs ?? record?.registeredAtMs,
    behind: followed.behind(),
    isOver,
  }
}
