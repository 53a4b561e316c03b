/** A dashboard as the outside may rely on it: what links lead to it and which of its variables they may fill in. */
export type DashboardEntry = {
  /** Part of every URL that leads here: it never changes. */
  readonly uid: string
  readonly title: string
  /** Names that a link may set as `var-<name>`, besides the data sources. */
  readonly variables: readonly string[]
}

const scope = ['job', 'namespace', 'engine_type', 'task_type'] as const

/** Every dashboard that is generated. Alerts, panels and the console link to them through this table. */
export const dashboards = {
  fleet: { uid: 'enginescope-fleet', title: 'Fleet overview', variables: scope },
  types: { uid: 'enginescope-types', title: 'Tasks by type', variables: scope },
  live: { uid: 'enginescope-live', title: 'Live tasks', variables: [...scope, 'engine'] },
  task: { uid: 'enginescope-task', title: 'Task detail', variables: ['job', 'namespace', 'job_id', 'task'] },
  engines: { uid: 'enginescope-engines', title: 'Engines', variables: ['job', 'engine_type', 'engine'] },
  ml: { uid: 'enginescope-ml', title: 'Algorithms and ML', variables: ['job', 'namespace', 'task_type', 'job_id'] },
  logs: { uid: 'enginescope-logs', title: 'Logs', variables: [...scope, 'level', 'search'] },
  self: { uid: 'enginescope-self', title: 'Aggregator health', variables: ['job', 'instance'] },
  runtimes: { uid: 'enginescope-runtimes', title: 'Runtime Monitor', variables: ['job', 'namespace', 'runtime'] },
  hub: { uid: 'enginescope-hub', title: 'EngineHub', variables: ['job'] },
  sedna: { uid: 'enginescope-sedna', title: 'Sedna / System', variables: ['job', 'namespace', 'job_id'] },
  jointInference: {
    uid: 'enginescope-joint-inference',
    title: 'Sedna / Joint inference',
    variables: ['job', 'namespace', 'job_id', 'node'],
  },
  incremental: {
    uid: 'enginescope-incremental-learning',
    title: 'Sedna / Incremental learning',
    variables: ['job', 'namespace', 'job_id'],
  },
  federated: {
    uid: 'enginescope-federated-learning',
    title: 'Sedna / Federated learning',
    variables: ['job', 'namespace', 'job_id', 'node'],
  },
} as const satisfies Record<string, DashboardEntry>

export type DashboardKey = keyof typeof dashboards
