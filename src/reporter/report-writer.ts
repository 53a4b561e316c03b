import type { EngineState } from './engine-state.ts'
import type { ReporterSettings } from './options.ts'
import type { Problems } from './problems.ts'
import type { ProcessUsage } from './process-usage.ts'
import { sealHeartbeat, sealTask } from './seal.ts'
import type { SealedReport } from './sealed.ts'
import type { TaskState } from './task-state.ts'

/** What goes into reports beside the tasks' own parts. */
export type ReportWriterParts = {
  readonly settings: ReporterSettings
  readonly problems: Problems
  readonly engine: EngineState
  readonly usage: ProcessUsage
  /** Namespace of heartbeats. */
  readonly namespace: string | undefined
  readonly measureUsage: boolean
}

/** Writes reports as of now. */
export class ReportWriter {
  readonly #parts: ReportWriterParts

  constructor(parts: ReportWriterParts) {
    this.#parts = parts
  }

  /** The task's next report. @param withEnd says its end, where it has ended. */
  task(task: TaskState, withLines: boolean, withEnd: boolean, nowMs: number): SealedReport {
    const { settings, problems, engine, usage, measureUsage } = this.#parts
    const measures = task.options.measureUsage ?? measureUsage
    const context = {
      engineJson: engine.json(nowMs),
      reportedAt: new Date().toISOString(),
      usage: measures ? usage.since(task.startCpuSeconds, nowMs) : undefined,
      withLines,
      withEnd,
    }
    const report = sealTask(task, context, settings, problems)
    task.lastWrittenMs = nowMs
    if (report.logLines > 0) task.lastLinesMs = nowMs
    return report
  }

  heartbeat(nowMs: number): SealedReport {
    return sealHeartbeat(this.#parts.namespace, this.#parts.engine.json(nowMs), new Date().toISOString())
  }
}
