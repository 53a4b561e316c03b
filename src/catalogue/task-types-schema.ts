/** The shape of the file of task types, entry by entry. */
import { z } from 'zod'
import { type TaskType, taskTypeUnits } from './task-types.ts'

const typesMax = 50
const numbersMax = 64
const setsMax = 16
const statesMax = 32
const infosMax = 8
const infoLabelsMax = 16

const word = (lengthMax: number) =>
  z
    .string('must be a text')
    .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, 'must be lower snake case: a-z, 0-9 and single _, a letter first')
    .max(lengthMax, `must not be longer than ${lengthMax} characters`)

const field = z
  .string('must be a text')
  .regex(/^[A-Za-z_][A-Za-z0-9_.:-]{0,99}$/, 'must be 1 to 100 of A-Z a-z 0-9 _ . : -, no digit first')
const sentence = z
  .string('must be a text')
  .regex(
    /^[A-Z0-9][^\n"\\]*\.$/,
    'must be one sentence in one line: a capital first, a full stop at the end, no quotes or backslashes',
  )
  .max(200, 'must not be longer than 200 characters')
const title = z
  .string('must be a text')
  .regex(/^[^\n"\\]{1,80}$/, 'must be 1 to 80 characters in one line, without quotes or backslashes')
const panels = ['line', 'stat', 'bar', 'timeline', 'table'] as const
const panel = z.enum(panels, `must be one of ${panels.join(', ')}`).optional()
const labelValue = z
  .string('must be a text')
  .regex(/^[^\n"\\]{1,100}$/, 'must be 1 to 100 characters in one line, without quotes or backslashes')

const number = z.strictObject({
  name: word(80),
  field,
  type: z.enum(['gauge', 'counter'], 'must be gauge or counter'),
  unit: z.enum(taskTypeUnits, `must be one of ${taskTypeUnits.join(', ')}`).default('count'),
  help: sentence,
  labels: z.record(word(40), labelValue, 'must be a map of labels and values').optional(),
  panel,
})

const stateSet = z.strictObject({
  name: word(80),
  field,
  label: word(40).default('state'),
  states: z
    .array(word(40), 'must be a list')
    .min(2, 'must hold at least two states')
    .max(statesMax, `must not hold more than ${statesMax} states`),
  help: sentence,
  panel,
})

const info = z.strictObject({
  name: word(80),
  help: sentence,
  fields: z
    .record(word(40), field, 'must be a map of labels and fields')
    .refine((fields) => Object.keys(fields).length > 0, 'must name at least one field')
    .refine((fields) => Object.keys(fields).length <= infoLabelsMax, `must not name more than ${infoLabelsMax} fields`),
  panel,
})

const listOf = <T extends z.ZodType>(entry: T, max: number) =>
  z.array(entry, 'must be a list').max(max, `must not hold more than ${max} entries`).default([])

const taskType = z.strictObject({
  name: word(60),
  title,
  about: sentence.optional(),
  metrics: listOf(number, numbersMax),
  states: listOf(stateSet, setsMax),
  infos: listOf(info, infosMax),
})

/** A whole file: `taskTypes: [...]`. */
export const declaredTypes = z.strictObject(
  {
    taskTypes: z
      .array(taskType, 'must be a list')
      .min(1, 'must hold at least one task type')
      .max(typesMax, `must not hold more than ${typesMax} task types`),
  },
  'must be a map that holds taskTypes',
)

export type DeclaredTypes = z.infer<typeof declaredTypes>

/** The catalogue's entry for a declared type. */
export function toTaskType({ name, title, about, metrics, states, infos }: DeclaredTypes['taskTypes'][number]): TaskType {
  return {
    name,
    title,
    ...given({ about }),
    isBuiltIn: false,
    numbers: metrics.map(({ labels, panel, ...entry }) => ({ ...entry, ...given({ labels, panel }) })),
    states: states.map(({ panel, ...entry }) => ({ ...entry, ...given({ panel }) })),
    infos: infos.map(({ fields, panel, ...entry }) => ({ ...entry, labels: fields, ...given({ panel }) })),
  }
}

/** Without what is undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
