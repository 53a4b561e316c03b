/** The reporter: what an engine embeds to say what its tasks do. It needs nothing but Node and never stands in the engine's way. */

export type { ReporterOptions, ReporterSettings } from './options.ts'
export type { Problem } from './problems.ts'
export { createReporter, type Reporter } from './reporter.ts'
export type { RuntimeHandler } from './runtime/handler.ts'
export type { ListenOptions, TlsOptions } from './runtime/listen.ts'
export {
  type NoticeOutcome,
  type NoticeTarget,
  type RuntimeRegistration,
  registerRuntime,
  reportProcessEnd,
} from './runtime/notices.ts'
export type { ProgramMove, ProgramOptions, ProgramRun } from './runtime/program.ts'
export type { PullOptions } from './runtime/pull-options.ts'
export { createRuntime, type Runtime, type RuntimeOptions, type RuntimeStats } from './runtime/runtime.ts'
export type { RuntimeSettings } from './runtime/settings.ts'
export type { ReporterStats } from './stats.ts'
export type { FinalUpdate, Task } from './task.ts'
export type { TaskOptions } from './task-state.ts'
export type {
  ApplicationResources,
  Delivery,
  EndStatus,
  EngineDescription,
  LogLevel,
  OpenStatus,
  SubtaskProgress,
  TaskError,
  TaskUpdate,
  Usage,
} from './wire.ts'
