/** Reads queries with the parsers that Prometheus' and Grafana's own editors use. Part of the tests, not of the program. */
import { createRequire } from 'node:module'
import { parser as logqlParser } from '@grafana/lezer-logql'
import { parser as promqlParser } from '@prometheus-io/lezer-promql'

// The checker of types exists as CommonJS alone, and has to share one copy of the editor's modules with what it checks.
const require = createRequire(import.meta.url)
const { EditorState } = require('@codemirror/state') as typeof import('@codemirror/state')
const { syntaxTree } = require('@codemirror/language') as typeof import('@codemirror/language')
const { promQLLanguage, LanguageType } =
  require('@prometheus-io/codemirror-promql') as typeof import('@prometheus-io/codemirror-promql')
const { Parser } = require('@prometheus-io/codemirror-promql/dist/cjs/parser/parser.js') as { readonly Parser: CheckerClass }

type CheckerClass = new (state: ReturnType<typeof EditorState.create>) => Checker
type Checker = { analyze(): void; getDiagnostics(): readonly { readonly message: string }[] }

/** One selector of a query: whose series, narrowed by which labels. */
export type FoundSelector = {
  readonly name: string
  readonly labels: readonly string[]
  /** The window behind it, such as `1m`. */
  readonly window: string | undefined
  /** Functions and aggregations around it, the nearest first; `by` and `without` with their labels. */
  readonly around: readonly FoundCall[]
}

export type FoundCall = { readonly name: string; readonly by?: readonly string[]; readonly without?: readonly string[] }

/** What is wrong with a PromQL query: its form, its functions, their arguments' number and types. */
export function promqlFaults(query: string): string[] {
  const broken = errorsOf(promqlParser, query)
  if (broken.length > 0) return broken
  const checker = new Parser(parsed(query))
  checker.analyze()
  return checker.getDiagnostics().map(({ message }) => message)
}

/** What is wrong with a LogQL query's form. */
export function logqlFaults(query: string): string[] {
  return errorsOf(logqlParser, query)
}

/** Every selector of a PromQL query that is sound. */
export function selectorsOf(query: string): FoundSelector[] {
  const found: FoundSelector[] = []
  promqlParser.parse(query).iterate({
    enter: ({ name, node }) => {
      if (name === 'VectorSelector') found.push(describe(node, query))
    },
  })
  return found
}

type Node = ReturnType<typeof promqlParser.parse>['topNode']

function describe(node: Node, query: string): FoundSelector {
  const text = (part: Node) => query.slice(part.from, part.to)
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []
  const matrix = node.parent?.name === 'MatrixSelector' ? node.parent : undefined
  const window = matrix === undefined ? undefined : text(matrix).slice(text(node).length).replace(/[[\]]/g, '')
  const around: FoundCall[] = []
  for (let outer = node.parent; outer !== null; outer = outer.parent) {
    if (outer.name === 'FunctionCall') around.push({ name: text(outer).split('(')[0]?.trim() ?? '' })
    if (outer.name === 'AggregateExpr') around.push(aggregation(outer, text))
  }
  const label = (matcher: Node) => matcher.getChild('LabelName')
  return {
    name: text(node).split('{')[0] ?? '',
    labels: matchers.flatMap((matcher) => label(matcher) ?? []).map(text),
    window,
    around,
  }
}

function aggregation(node: Node, text: (part: Node) => string): FoundCall {
  const name = text(node).match(/^\w+/)?.[0] ?? ''
  const modifier = node.getChild('AggregateModifier')
  if (modifier === null) return { name }
  const labels = modifier.getChild('GroupingLabels')?.getChildren('LabelName').map(text) ?? []
  return modifier.getChild('Without') === null ? { name, by: labels } : { name, without: labels }
}

function errorsOf(parser: { parse(text: string): ReturnType<typeof promqlParser.parse> }, query: string): string[] {
  const errors: string[] = []
  parser
    .parse(query)
    .iterate({ enter: ({ type, from }) => void (type.isError && errors.push(`syntax error at ${from}: ${query.slice(from)}`)) })
  return errors
}

/** The editor parses for so many milliseconds and goes on later; a cold start may need a second try. */
function parsed(query: string) {
  for (let tries = 0; tries < 10; tries += 1) {
    const state = EditorState.create({ doc: query, extensions: [promQLLanguage(LanguageType.PromQL)] })
    if (syntaxTree(state).length === query.length) return state
  }
  throw new Error(`could not parse in time: ${query}`)
}
