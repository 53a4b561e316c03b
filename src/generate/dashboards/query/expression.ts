/** Queries as typed values: an expression knows the labels, the unit and the catalogue entry of what it returns. */
import type { Metric, MetricUnit } from '../../../catalogue/metric.ts'

/** Windows that Grafana fills in, or a fixed one. */
export type Window = '$__rate_interval' | '$__interval' | '$__range' | `${number}${'s' | 'm' | 'h' | 'd' | 'w'}`

/** What a number means, apart from the label set it stands under. */
type Meaning = {
  readonly unit: MetricUnit
  /** Whether it is per second of the clock: a rate of seconds is a number of cores. */
  readonly isRate: boolean
}

/** A query and what is known of its answer. `L` are the labels that every series of the answer may carry. */
export type Expression<L extends string = string> = Meaning & {
  readonly language: 'promql' | 'logql'
  readonly text: string
  readonly labels: readonly L[]
  /** The entry whose numbers these are, for colours and closed sets of label values. */
  readonly metric: Metric | undefined
  /** Whether it needs no parentheses beside an operator. */
  readonly isAtom: boolean
}

/** A bare selector: the only thing that takes a window. */
export type Selector<L extends string = string> = Expression<L> & { readonly isSelector: true }

/** `rate(selector[window])`, optionally as it was some time ago. */
export function rate<L extends string>(selector: Selector<L>, window: Window = '$__rate_interval', ago?: Window): Expression<L> {
  const past = ago === undefined ? '' : ` offset ${ago}`
  return atom(selector, `rate(${selector.text}[${window}]${past})`, { isRate: true })
}

/** `increase(selector[window])`: how many came in the window. */
export function increase<L extends string>(selector: Selector<L>, window: Window): Expression<L> {
  return atom(selector, `increase(${selector.text}[${window}])`)
}

/** `deriv(selector[window])`: the slope of a gauge per second. */
export function slope<L extends string>(selector: Selector<L>, window: Window): Expression<L> {
  return atom(selector, `deriv(${selector.text}[${window}])`, { isRate: true })
}

/** `last_over_time(selector[window])`: the newest value of each series, also of those that have gone since. */
export function newest<L extends string>(selector: Selector<L>, window: Window): Expression<L> {
  return atom(selector, `last_over_time(${selector.text}[${window}])`)
}

type Operator = 'sum' | 'max' | 'min' | 'count'

/** `operator(expression)`: one number out of all. */
export function over(operator: Operator, expression: Expression): Expression<never> {
  return { ...atom(expression, `${operator}(${expression.text})`, counted(operator)), labels: [] }
}

/** `operator by (labels) (expression)`. A label that the expression does not have does not compile. */
export function overBy<L extends string, const B extends readonly L[]>(
  operator: Operator,
  by: B,
  expression: Expression<L>,
): Expression<B[number]> {
  return { ...atom(expression, `${operator} by (${by.join(', ')}) (${expression.text})`, counted(operator)), labels: by }
}

export const sum = (expression: Expression) => over('sum', expression)
export const max = (expression: Expression) => over('max', expression)
export const sumBy = <L extends string, const B extends readonly L[]>(by: B, expression: Expression<L>) =>
  overBy('sum', by, expression)
export const maxBy = <L extends string, const B extends readonly L[]>(by: B, expression: Expression<L>) =>
  overBy('max', by, expression)

/** `topk(n, expression)`: the n largest, with their labels. */
export function largest<L extends string>(count: number, expression: Expression<L>): Expression<L> {
  return atom(expression, `topk(${count}, ${expression.text})`)
}

/** The quantile of a histogram whose buckets were summed `by` some labels and `le`. */
export function quantile<L extends string>(ratio: number, buckets: Expression<L | 'le'>): Expression<Exclude<L, 'le'>> {
  const labels = buckets.labels.filter((label): label is Exclude<L, 'le'> => label !== 'le')
  return { ...atom(buckets, `histogram_quantile(${ratio}, ${buckets.text})`, { isRate: false }), labels }
}

/** How long ago a moment was: `time() - expression`. */
export function timeSince<L extends string>(moment: Expression<L>): Expression<L> {
  return binary(moment, `time() - ${inner(moment)}`, { unit: 'seconds' })
}

/** A moment in the milliseconds that Grafana's dates are in. */
export function inMilliseconds<L extends string>(moment: Expression<L>): Expression<L> {
  return binary(moment, `${inner(moment)} * 1000`)
}

/** `part / whole`. Of the same unit it is a share; a sum of something over a count is the mean of that something. */
export function divide<L extends string>(part: Expression<L>, whole: Expression): Expression<L> {
  const text = `${inner(part)} / ${inner(whole)}`
  if (part.unit === whole.unit) return binary(part, text, { unit: 'ratio', isRate: false })
  return binary(part, text, { isRate: part.isRate !== whole.isRate })
}

export function subtract<L extends string>(left: Expression<L>, right: Expression): Expression<L> {
  return binary(left, `${inner(left)} - ${inner(right)}`)
}

/** A total that is 0 where there is nothing to add up. */
export function orZero(total: Expression<never>): Expression<never> {
  return binary(total, `${inner(total)} or vector(0)`)
}

/** The series above a number; the others are left out. */
export function above<L extends string>(limit: number, expression: Expression<L>): Expression<L> {
  return binary(expression, `${inner(expression)} > ${limit}`)
}

/** The series equal to a number; the others are left out. */
export function equalTo<L extends string>(value: number, expression: Expression<L>): Expression<L> {
  return binary(expression, `${inner(expression)} == ${value}`)
}

/** An expression with the labels that another has in addition: `left * on (match) group_left (extra) right`, right being 1. */
export function withLabelsOf<L extends string, R extends string, const E extends readonly R[]>(
  left: Expression<L>,
  right: Expression<R>,
  match: readonly (L & R)[],
  extra: E,
): Expression<L | E[number]> {
  const text = `${inner(left)} * on (${match.join(', ')}) group_left (${extra.join(', ')}) ${inner(right)}`
  return { ...binary(left, text), labels: [...left.labels, ...extra] }
}

/** An expression made as a whole, for what the functions here do not cover. */
export function written<L extends string>(like: Expression, text: string, labels: readonly L[]): Expression<L> {
  return { ...binary(like, text), labels }
}

function counted(operator: Operator): Partial<Meaning> {
  return operator === 'count' ? { unit: 'count', isRate: false } : {}
}

function atom<L extends string>(from: Expression<L>, text: string, meaning: Partial<Meaning> = {}): Expression<L> {
  return { ...plain(from), ...meaning, text, isAtom: true }
}

function binary<L extends string>(from: Expression<L>, text: string, meaning: Partial<Meaning> = {}): Expression<L> {
  return { ...plain(from), ...meaning, text, isAtom: false }
}

/** The expression without what only a selector has. */
function plain<L extends string>({ language, text, labels, metric, unit, isRate, isAtom }: Expression<L>): Expression<L> {
  return { language, text, labels, metric, unit, isRate, isAtom }
}

function inner({ text, isAtom }: Expression): string {
  return isAtom ? text : `(${text})`
}
