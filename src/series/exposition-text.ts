import type { Metric, MetricType } from '../catalogue/index.ts'

/** The two forms of an exposition: Prometheus text 0.0.4 and OpenMetrics 1.0.0. */
export type ExpositionFormat = 'text' | 'openmetrics'

/** Content types as Prometheus 3 insists on them. */
export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The characters of the longest text of a double, such as -0.0000012345678901234567: smaller ones have an exponent. */
export const valueCharsMax = 25

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be found.
const unfit = /[\\"\n\u0000-\u0008\u000b-\u001f\u007f\u0085\u2028\u2029]/
const everyUnfit = new RegExp(unfit, 'g')

/**
 * Text as it stands between the quotes of a label. NUL ends the input of Prometheus' lexer, and some readers end a line at the
 * other control characters: they become U+FFFD.
 */
export function escapeLabelValue(value: string): string {
  // Hardly any value needs it, and looking is cheaper than replacing nothing.
  return unfit.test(value) ? value.replace(everyUnfit, (character) => escapes[character] ?? '\ufffd') : value
}

/** `a="1",b="2"` in the order of `names`. */
export function labelPairs(names: readonly string[], values: Readonly<Record<string, string>>): string {
  let text = ''
  for (const name of names) text += `${text === '' ? '' : ','}${name}="${escapeLabelValue(values[name] ?? '')}"`
  return text
}

/** A number as both formats print it: exact, shortest, never in groups. */
export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** A bucket bound, always with a decimal point: Prometheus 3 rewrites `1` to `1.0`, which would be another series. */
export function boundText(bound: number): string {
  const text = numberText(bound)
  return Number.isInteger(bound) && !text.includes('e') ? `${text}.0` : text
}

/** The comment lines that open a family. OpenMetrics names a counter without its `_total`. */
export function familyHeader(
  metric: Pick<Metric, 'name' | 'help'> & { readonly type: MetricType },
  format: ExpositionFormat,
): string {
  const name = format === 'openmetrics' && metric.type === 'counter' ? metric.name.replace(/_total$/, '') : metric.name
  return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.type}\n`
}
