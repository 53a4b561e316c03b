import { type LearningField, type LearningType, learningTypesOf, type TaskType } from '../../catalogue/index.ts'
import type { Report } from '../../report/report.ts'
import { readValue } from './values.ts'

/** Told of what was left out of a report. */
export type FieldObserver = {
  /** @param path `algorithmMetrics.<field>` */
  ignoredField(path: string): void
  /** More classes, scores, features or names than have series. */
  overflow(): void
}

/** Turns the fields of a learning task into those that rules and series know. The very same report for any other task. */
export type ReadFields = (report: Report) => Report

type Known = { readonly name: string; readonly shape: LearningField }

export function fieldReader(types: readonly TaskType[], observer: FieldObserver): ReadFields {
  const known = new Map([...learningTypesOf(types)].map(([name, type]) => [name, knownNames(type)]))
  return (report) => {
    if (report.algorithmMetrics === undefined || report.taskType === undefined) return report
    const names = known.get(report.taskType)
    return names === undefined ? report : { ...report, algorithmMetrics: readAll(report.algorithmMetrics, names, observer) }
  }
}

/** Fields by every name that they go by; their own comes last and so stands. */
function knownNames({ fields }: LearningType): ReadonlyMap<string, Known> {
  const names = new Map<string, Known>()
  const pascal = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`
  const add = (names_: readonly string[], known: Known) => {
    for (const name of names_) if (!names.has(name)) names.set(name, known)
  }
  for (const [name, shape] of Object.entries(fields)) names.set(name, { name, shape })
  for (const [name, shape] of Object.entries(fields)) {
    const aliases = shape.aliases ?? []
    add([pascal(name), ...aliases, ...aliases.map(pascal)], { name, shape })
  }
  return names
}

function readAll(
  reported: Readonly<Record<string, unknown>>,
  names: ReadonlyMap<string, Known>,
  observer: FieldObserver,
): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  for (const [given, value] of Object.entries(reported)) {
    const known = names.get(given)
    if (known === undefined) read[given] = value
    else if (known.name === given || !Object.hasOwn(reported, known.name)) readOne(read, known, value, observer)
  }
  return read
}

function readOne(read: Record<string, unknown>, { name, shape }: Known, value: unknown, observer: FieldObserver): void {
  const ignored = () => observer.ignoredField(`algorithmMetrics.${name}`)
  const fits = readValue(shape, value, { ignored, overflowed: () => observer.overflow() })
  if (fits === undefined) ignored()
  else if (shape.kind === 'names') read[name] = fits
  // An address keeps its form; what else came with it is nobody's business.
  else if (shape.kind === 'url' && typeof value !== 'string') read[name] = fits
  else read[name] = value
}
