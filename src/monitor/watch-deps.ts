/** What following a runtime needs. */
import type { ParseReport } from '../report/parse.ts'
import type { Apply } from './batch-applier.ts'
import type { Fetcher } from './fetcher.ts'
import type { ProgramLog } from './program-log.ts'
import type { RuntimeName } from './runtime-record.ts'
import type { RuntimeStore } from './runtime-store.ts'
import type { RuntimeView } from './runtime-view.ts'
import type { Slots } from './slots.ts'

export type WatchSettings = {
  readonly intervalMs: number
  readonly graceMs: number
  readonly reset: 'earliest' | 'latest'
  /** Failures in a row after which a runtime is unreachable. */
  readonly unreachableAfter: number
  readonly retentionMs: number
  /** How often its engine is told to be alive. */
  readonly beatMs: number
}

export type WatchDeps = {
  readonly store: RuntimeStore
  readonly log: ProgramLog
  readonly fetcher: Fetcher
  readonly parse: ParseReport
  readonly apply: Apply
  readonly slots: Slots
  readonly settings: WatchSettings
  readonly monitorId: string
  readonly nowMs: () => number
  readonly hasRoomForLines: () => boolean
  readonly isRuntime: (id: string, namespace: string) => boolean
  readonly onView: (name: RuntimeName, view: RuntimeView) => void
  /** For the log. */
  readonly onTrouble: (name: RuntimeName, what: string, error?: unknown) => void
}
