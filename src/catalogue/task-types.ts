/**
 * Task types: what kinds of work there are and what their `algorithmMetrics` mean. Series, dashboard rows and the reference pages
 * of a type are made from its entry here, whether it is built in or declared by a user.
 */
import { learningTypes } from './learning/index.ts'
import { type LearningType, learningMetrics } from './learning/learning-type.ts'
import { type CounterMetric, type GaugeMetric, type Metric, type MetricUnit, taskLabels } from './metric.ts'

/** Whether a field is a value of the moment, or only grows and is merged by maximum per incarnation. */
export type MetricKind = 'gauge' | 'counter'

/** `learned`: counted by the rules of a learning type. */
export type MergeKind = MetricKind | 'learned'

/** How a dashboard shows a family when nothing else is said: `line` over time, `stat` newest value, `bar` against others. */
export type PanelKind = 'line' | 'stat' | 'bar' | 'timeline' | 'table'

/** Units that a metric of a task type may have; `count` is any plain number. */
export const taskTypeUnits = ['count', 'seconds', 'timestamp', 'bytes', 'ratio', 'cores', 'flag'] as const satisfies MetricUnit[]

type Entry = {
  /** Last part of the series' name: `enginescope_<task type>_<name>`. */
  readonly name: string
  /** One sentence, in one line, without quotes or backslashes. */
  readonly help: string
  readonly panel?: PanelKind
}

/** A number of each task of the type. Several may share a name, each with other labels: they are one family. */
export type TaskTypeNumber = Entry & {
  readonly type: MetricKind
  /** Key in `algorithmMetrics`. */
  readonly field: string
  readonly unit: (typeof taskTypeUnits)[number]
  /** Labels that are always the same for this field, such as `location="edge"`. */
  readonly labels?: Readonly<Record<string, string>>
}

/** A text out of a closed set. While one is known there is one series a state, and exactly one of them is 1. */
export type TaskTypeStates = Entry & {
  readonly field: string
  /** Name of the label that holds the state. */
  readonly label: string
  /** Lower snake case; read without regard to case, spaces, hyphens and underscores. */
  readonly states: readonly string[]
}

/** Texts of a task, as labels of one series of value 1. The old one goes when the new one comes. */
export type TaskTypeInfo = Entry & {
  /** Label → key in `algorithmMetrics`. */
  readonly labels: Readonly<Record<string, string>>
}

export type TaskType = {
  /** `taskType` of the reports, and second part of the names of its series. */
  readonly name: string
  readonly title: string
  readonly about?: string
  readonly isBuiltIn: boolean
  readonly numbers: readonly TaskTypeNumber[]
  readonly states: readonly TaskTypeStates[]
  readonly infos: readonly TaskTypeInfo[]
  /** Fields with meanings of their own, and series of the job itself. */
  readonly learning?: LearningType
}

/** Work that is known by name alone: it has progress, times and lines, and no numbers of its own. */
const plainTypes = [
  { name: 'hub_process', title: 'EngineHub process', about: 'One run of a flow; its sub-tasks are the nodes of the flow.' },
  { name: 'hub_node', title: 'EngineHub node', about: 'One run of an algorithm on an agent.' },
  { name: 'bullmq', title: 'BullMQ job', about: 'A job of a queue that a BullMQ worker processes.' },
]

const builtIn: readonly TaskType[] = [...learningTypes, ...plainTypes].map((entry) => ({
  ...entry,
  isBuiltIn: true,
  numbers: [],
  states: [],
  infos: [],
}))

/** Every task type, built-in ones first. @param declared those of the user's file */
export function taskTypes(declared: readonly TaskType[] = []): readonly TaskType[] {
  return [...builtIn, ...declared]
}

/** Says of a field of `algorithmMetrics` how it is merged. A field that no task type knows is a gauge. */
export function metricKinds(types: readonly TaskType[]): (taskType: string, field: string) => MergeKind {
  const kinds = new Map(types.map((type) => [type.name, mergeKindsOf(type)]))
  return (taskType, field) => kinds.get(taskType)?.get(field) ?? 'gauge'
}

function mergeKindsOf({ numbers, learning }: TaskType): ReadonlyMap<string, MergeKind> {
  const kinds = new Map<string, MergeKind>()
  for (const { type, field } of numbers) if (type === 'counter') kinds.set(field, type)
  for (const [field, { kind }] of Object.entries(learning?.fields ?? {}))
    if (kind === 'counter' || kind === 'histogram') kinds.set(field, 'learned')
  return kinds
}

/** The learning types among these, by name. */
export function learningTypesOf(types: readonly TaskType[]): ReadonlyMap<string, LearningType> {
  return new Map(types.flatMap(({ name, learning }) => (learning === undefined ? [] : [[name, learning] as const])))
}

/** A family of a task type: the labels of a task first, then those of its own. */
export type TaskTypeMetric = (GaugeMetric | CounterMetric) & {
  readonly labels: readonly [...typeof taskLabels, ...string[]]
  readonly group: 'task_metric'
}

const bound = 'live tasks with series of their own are capped (ENGINESCOPE_TASK_SERIES_MAX)'

/** `enginescope_<task type>_<name>`. */
export function taskTypeSeriesName(taskType: string, name: string): string {
  return `enginescope_${taskType}_${name}`
}

/** The family that a number belongs to, as any other catalogue entry. */
export function numberMetric(type: Pick<TaskType, 'name'>, entry: TaskTypeNumber): TaskTypeMetric {
  const labels = [...taskLabels, ...Object.keys(entry.labels ?? {}).sort()] as const
  return { ...common(type, entry), type: entry.type, unit: entry.unit, labels, source: `algorithmMetrics.${entry.field}` }
}

export function statesMetric(type: Pick<TaskType, 'name'>, entry: TaskTypeStates): TaskTypeMetric {
  return {
    ...common(type, entry),
    type: 'gauge',
    unit: 'flag',
    labels: [...taskLabels, entry.label],
    values: { [entry.label]: entry.states },
    source: `algorithmMetrics.${entry.field}`,
  }
}

export function infoMetric(type: Pick<TaskType, 'name'>, entry: TaskTypeInfo): TaskTypeMetric {
  const fields = Object.values(entry.labels).map((field) => `algorithmMetrics.${field}`)
  return {
    ...common(type, entry),
    type: 'gauge',
    unit: 'info',
    labels: [...taskLabels, ...Object.keys(entry.labels)],
    source: fields.join(', '),
  }
}

function common(type: Pick<TaskType, 'name'>, { name, help }: Entry) {
  return { name: taskTypeSeriesName(type.name, name), help, group: 'task_metric', bound } as const
}

/** Every family of a type, each once. */
export function taskTypeMetrics(type: TaskType): readonly Metric[] {
  const all: readonly Metric[] = [
    ...(type.learning === undefined ? [] : learningMetrics(type.learning)),
    ...type.numbers.map((entry) => numberMetric(type, entry)),
    ...type.states.map((entry) => statesMetric(type, entry)),
    ...type.infos.map((entry) => infoMetric(type, entry)),
  ]
  return [...new Map(all.map((metric) => [metric.name, metric])).values()]
}

/** Lines that one task of the type has at most. */
export function taskTypeLines({ numbers, states, infos, learning }: TaskType): number {
  const learned = learning === undefined ? 0 : learningMetrics(learning).reduce((lines, metric) => lines + linesOf(metric), 0)
  return numbers.length + states.reduce((lines, set) => lines + set.states.length, 0) + infos.length + learned
}

/** Lines of one label set a family, over the values of labels that have a closed set of them. */
function linesOf(metric: Metric): number {
  const sets = Object.values(metric.values ?? {}).reduce((count, values) => count * values.length, 1)
  return sets * (metric.type === 'histogram' ? metric.buckets.length + 3 : 1)
}

/** The form in which states are compared: `Not OK`, `NotOk` and `not_ok` are one. */
export function stateKey(text: string): string {
  return text.toLowerCase().replace(/[\s_-]/g, '')
}
