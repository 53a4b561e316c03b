/** Tables as flows carry them, and what an algorithm gets of its agent. */

export type Attribute = { readonly name: string; readonly type: string; readonly format?: string; readonly dataInfor?: string }
export type Column = { readonly attribute: Attribute; readonly data: readonly string[] }
/** By columns; every value is a text. `{}` is nothing. */
export type Table = { readonly key?: string; readonly data?: readonly Column[] }

/** One run, as the agent hands it to the exported `run`. */
export type Run = {
  /** By node of the flow, or `$input`. */
  readonly input: Readonly<Record<string, Table>>
  /** Parameters: a column each, the first value counts. */
  readonly model: Table
  readonly log: (line: string) => void
  readonly warn: (line: string) => void
  /** 0..1 */
  readonly progress: (ratio: number) => void
  readonly signal: AbortSignal
}

/** What an algorithm refuses; the agent hands code and message on. */
export class AlgorithmError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** All columns of all inputs, in the order in which the flow names them. */
export function columnsOf(input: Run['input']): readonly Column[] {
  return Object.values(input).flatMap((table) => table.data ?? [])
}

/** A parameter of the model, or undefined. */
export function parameter(model: Table, name: string): string | undefined {
  return model.data?.find((column) => column.attribute.name === name)?.data[0]
}

/** A whole parameter of at least 1. @throws AlgorithmError BAD_PARAMETER */
export function wholeParameter(model: Table, name: string, byDefault: number): number {
  const text = parameter(model, name)
  if (text === undefined) return byDefault
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new AlgorithmError('BAD_PARAMETER', `${name} must be a whole number above 0`)
  return value
}

/** A value as a number; undefined for one that is none, or is missing. */
export function numberOf(text: string): number | undefined {
  if (text.trim() === '') return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** Whether each value of a column that has one is a number. */
export function isNumeric({ data }: Column): boolean {
  const given = data.filter((text) => text.trim() !== '')
  return given.length > 0 && given.every((text) => numberOf(text) !== undefined)
}

/** A column of numbers as texts, without noise behind the sixth place. */
export function numberColumn(name: string, values: readonly number[]): Column {
  return { attribute: { name, type: 'number' }, data: values.map((value) => String(Number(value.toFixed(6)))) }
}

export function textColumn(name: string, values: readonly string[]): Column {
  return { attribute: { name, type: 'string' }, data: values }
}
