import type { RuntimeOptions } from './runtime.ts'

/** How a reporter with `mode: 'pull'` is fetched from. */
export type PullOptions = Omit<RuntimeOptions, 'runtimeId' | 'onProblem'> & {
  /** Default: `engine.instance`. A name that survives restarts of the run needs an `epochFile` only where clocks go back. */
  readonly runtimeId?: string | undefined
  /** How monitors ask: all topics in one request (default), or one by one. */
  readonly pollMode?: 'batch' | 'per-topic' | undefined
  /** Where monitors reach the run. Default: where it listens. */
  readonly publicUrl?: string | undefined
  /** `false`: the program's launcher registers the run. Default: the run does, where the reporter has a `url`. */
  readonly register?: boolean | undefined
}
