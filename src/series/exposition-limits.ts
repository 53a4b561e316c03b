import { type Metric, metrics, type SharedGroup } from '../catalogue/index.ts'

/** The settings that bound the shared series. */
export type SeriesSettings = {
  readonly taskSeriesMax: number
  readonly engineSeriesMax: number
  readonly metricNamesMax: number
  /** Lines of a task of the task type that has most. */
  readonly typeLinesMax?: number
}

const fleetLinesMax = 200_000
const metricLinesMax = 500_000
/** As many ended tasks may linger as live ones have series. */
const lingerFactor = 2

/** Room in lines by group, made from settings that count tasks and engines. Each of those finds room for all its lines. */
export function exposedLinesMax(settings: SeriesSettings): Record<SharedGroup, number> {
  const tasksMax = settings.taskSeriesMax * lingerFactor + 1
  return {
    fleet: fleetLinesMax,
    engine: settings.engineSeriesMax * linesEach('engine'),
    task: tasksMax * linesEach('task'),
    task_metric: Math.min(metricLinesMax, tasksMax * (settings.metricNamesMax + (settings.typeLinesMax ?? 0))),
  }
}

/** Lines of one engine or task when all its families have their say. Of the statuses of a task there is always one. */
function linesEach(group: SharedGroup): number {
  const all: readonly Metric[] = Object.values(metrics)
  return all.filter((metric) => metric.group === group).reduce((lines, metric) => lines + linesOf(metric), 0)
}

function linesOf(metric: Metric): number {
  if (metric.name === metrics.taskStatus.name) return 1
  return Object.values(metric.values ?? {}).reduce((lines, values) => lines * values.length, 1)
}
