import type { Matcher } from '../../../catalogue/select.ts'
import type { Expression, Window } from './expression.ts'

/** Labels of the streams in Loki. */
const streamLabels = ['namespace', 'engine_type', 'task_type', 'level'] as const

/** What else stands beside a line, as structured metadata. */
const metadataLabels = ['job_id', 'task', 'attempt', 'engine', 'node', 'event', 'status', 'error_code'] as const

/** How grave a line is, the gravest first. */
export const logLevels = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'] as const

/** Every label that a line can be filtered or grouped by. */
export type LineLabel = (typeof streamLabels)[number] | (typeof metadataLabels)[number]

/** A log query: lines of the streams that the page's variables choose. */
export type Lines = Expression<LineLabel> & { readonly isLines: true }

/** A stage behind the pipe: a condition on a label, or on the text. */
export type Stage = { readonly [L in LineLabel]?: string | Matcher }

/**
 * The lines that a page is about.
 * @param variables of the page; those that are labels of streams choose the streams.
 * @param chosen further conditions on the streams themselves
 */
export function linesOf(
  variables: readonly string[],
  stages: readonly Stage[] = [],
  chosen: { readonly level?: Matcher } = {},
): Lines {
  const byPage = streamLabels.filter((label) => label !== 'level' && variables.includes(label))
  const selectors = ['service_name="enginescope"', ...byPage.map((label) => `${label}=~"$${label}"`)]
  if (chosen.level !== undefined) selectors.push(condition('level', chosen.level))
  const pipe = stages.flatMap((stage) =>
    Object.entries<string | Matcher | undefined>(stage).flatMap(([label, wanted]) =>
      wanted === undefined ? [] : [` | ${condition(label, wanted)}`],
    ),
  )
  return { ...lineFacts(`{${selectors.join(', ')}}${pipe.join('')}`), isLines: true }
}

/**
 * Lines that hold what was typed into a variable, in upper or lower case. An empty box matches everything.
 * The pattern stands in backticks: the escapes that Grafana adds are none that a quoted string knows.
 */
export function containing(lines: Lines, variable: string): Lines {
  const [streams = '', ...pipe] = lines.text.split(' | ')
  const search = `${streams} |~ \`(?i)\${${variable}:regex}\``
  return { ...lines, text: [search, ...pipe].join(' | ') }
}

/** How many lines by some labels: `sum by (labels) (count_over_time(lines [window]))`. */
export function countBy<const B extends readonly LineLabel[]>(
  by: B,
  lines: Lines,
  window: Window | '$__auto',
): Expression<B[number]> {
  return { ...lineFacts(`sum by (${by.join(', ')}) (count_over_time(${lines.text} [${window}]))`), labels: by }
}

/** The largest value of a number beside the lines, by some labels. */
export function largestOf<const B extends readonly LineLabel[]>(
  by: B,
  lines: Lines,
  field: 'duration_seconds',
  window: Window | '$__auto',
): Expression<B[number]> {
  const text = `max by (${by.join(', ')}) (max_over_time(${lines.text} | unwrap ${field} [${window}]))`
  return { ...lineFacts(text), unit: 'seconds', labels: by }
}

/** A condition as both languages write it. */
function condition(label: string, wanted: string | Matcher): string {
  return typeof wanted === 'string' ? `${label}="${wanted}"` : `${label}${wanted.operator}"${wanted.text}"`
}

function lineFacts(text: string): Expression<LineLabel> {
  return {
    language: 'logql',
    text,
    labels: [...streamLabels, ...metadataLabels],
    metric: undefined,
    unit: 'count',
    isRate: false,
    isAtom: true,
  }
}
