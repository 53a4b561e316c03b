import type { ExpositionFormat } from './exposition-text.ts'

/** More ranges than any client sends; the rest of a longer header is not read. */
const rangesMax = 32

type Range = { readonly word: string; readonly parameters: ReadonlyMap<string, string>; readonly weight: number }

/** The form that the client likes best of those we have; text when it names none, or nothing that can be read. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  let best: ExpositionFormat = 'text'
  let bestWeight = 0
  for (const range of rangesOf(accept)) {
    const format = formatOf(range)
    if (format === undefined || range.weight <= bestWeight) continue
    best = format
    bestWeight = range.weight
  }
  return best
}

/** Whether the client takes gzip. */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  const ranges = rangesOf(acceptEncoding)
  const named = ranges.find(({ word }) => word === 'gzip' || word === 'x-gzip') ?? ranges.find(({ word }) => word === '*')
  return named !== undefined && named.weight > 0
}

function formatOf({ word, parameters }: Range): ExpositionFormat | undefined {
  const version = parameters.get('version')
  switch (word) {
    case 'application/openmetrics-text':
      return version === undefined || version === '1.0.0' ? 'openmetrics' : undefined
    case 'text/plain':
      return version === undefined || version === '0.0.4' ? 'text' : undefined
    case 'text/*':
    case '*/*':
      return 'text'
    default:
      return undefined
  }
}

function rangesOf(header: string | undefined): Range[] {
  return (header ?? '').split(',', rangesMax).flatMap((text) => rangeOf(text) ?? [])
}

/** A range whose weight cannot be read is none. */
function rangeOf(text: string): Range | undefined {
  const [word = '', ...rest] = text.split(';').map((part) => part.trim().toLowerCase())
  const parameters = new Map(rest.map(parameterOf))
  const weightText = parameters.get('q') ?? '1'
  if (word === '' || !/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weightText)) return undefined
  return { word, parameters, weight: Number(weightText) }
}

function parameterOf(text: string): [name: string, value: string] {
  const equals = text.indexOf('=')
  if (equals < 0) return [text, '']
  return [
    text.slice(0, equals).trim(),
    text
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1'),
  ]
}
