/** The gauges of the naive service: one prom-client gauge per family, a label object per value. */
import { Gauge, type Registry } from 'prom-client'
import type { Report } from './report-schema.ts'

const taskLabels = ['namespace', 'job_id', 'task', 'task_type', 'engine', 'engine_type'] as const
const engineLabels = ['engine', 'engine_type'] as const
const openStatuses: ReadonlySet<string> = new Set(['Inited', 'Scheduled', 'Running'])
const subtaskStates = ['total', 'running', 'failed', 'succeeded'] as const

/** Makes the gauges. @returns what shows a report in them */
export function createGauges(registry: Registry): (report: Report) => void {
  const gauge = <const Labels extends readonly string[]>(name: string, help: string, labelNames: Labels) =>
    new Gauge<Labels[number]>({ name: `naive_${name}`, help, labelNames: [...labelNames], registers: [registry] })

  const progress = gauge('task_progress_ratio', 'Progress of the task.', taskLabels)
  const subtasks = gauge('task_subtasks', 'Sub-tasks by state.', [...taskLabels, 'state'])
  const memory = gauge('task_resource_memory_bytes', 'Memory held in the cluster.', taskLabels)
  const cores = gauge('task_resource_cpu_cores', 'Cores held in the cluster.', taskLabels)
  const containers = gauge('task_resource_containers', 'Containers held in the cluster.', taskLabels)
  const usedMemory = gauge('task_usage_memory_bytes', 'Memory held by the task.', taskLabels)
  const usedCpu = gauge('task_usage_cpu_seconds', 'CPU time of the task.', taskLabels)
  const lastReport = gauge('task_last_report_timestamp_seconds', 'When the task reported last.', taskLabels)
  const metric = gauge('task_metric', 'Algorithm metrics.', [...taskLabels, 'name'])
  const engineTasks = gauge('engine_tasks', 'Tasks of the engine by state.', [...engineLabels, 'state'])

  function remove(labels: Record<(typeof taskLabels)[number], string>, report: Report): void {
    for (const family of [progress, memory, cores, containers, usedMemory, usedCpu, lastReport]) family.remove(labels)
    for (const state of subtaskStates) subtasks.remove({ ...labels, state })
    for (const name of Object.keys(report.algorithmMetrics ?? {})) metric.remove({ ...labels, name })
  }

  function showWork(labels: Record<(typeof taskLabels)[number], string>, report: Report): void {
    if (report.progressInfo !== undefined) {
      const sum = (key: 'totalTasks' | 'runningTasks' | 'failedTasks' | 'succeedTasks') =>
        report.progressInfo?.reduce((total, stage) => total + stage[key], 0) ?? 0
      subtasks.set({ ...labels, state: 'total' }, sum('totalTasks'))
      subtasks.set({ ...labels, state: 'running' }, sum('runningTasks'))
      subtasks.set({ ...labels, state: 'failed' }, sum('failedTasks'))
      subtasks.set({ ...labels, state: 'succeeded' }, sum('succeedTasks'))
    }
    if (report.resourceMap !== undefined) {
      const applications = Object.values(report.resourceMap)
      memory.set(
        labels,
        applications.reduce((total, { queueMemory }) => total + queueMemory, 0),
      )
      cores.set(
        labels,
        applications.reduce((total, { queueCores }) => total + queueCores, 0),
      )
      containers.set(
        labels,
        applications.reduce((total, { queueInstances }) => total + queueInstances, 0),
      )
    }
  }

  function showUse(labels: Record<(typeof taskLabels)[number], string>, report: Report): void {
    if (report.progress !== undefined) progress.set(labels, report.progress)
    if (report.usage?.memoryBytes !== undefined) usedMemory.set(labels, report.usage.memoryBytes)
    if (report.usage?.cpuSeconds !== undefined) usedCpu.set(labels, report.usage.cpuSeconds)
    lastReport.set(labels, Date.now() / 1000)
  }

  return (report) => {
    const engine = { engine: report.engine.instance, engine_type: report.engine.engineType }
    const { namespace, jobId, execId, taskType } = report
    const labels = { namespace, job_id: jobId, task: execId, task_type: taskType, ...engine }
    for (const [state, value = 0] of Object.entries(report.engineTaskCounts ?? {})) engineTasks.set({ ...engine, state }, value)
    if (!openStatuses.has(report.status)) {
      remove(labels, report)
      return
    }
    showUse(labels, report)
    showWork(labels, report)
    for (const [name, value] of Object.entries(report.algorithmMetrics ?? {})) metric.set({ ...labels, name }, value)
  }
}
