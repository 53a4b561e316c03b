/** The part of LogQL that the project sends: a stream selector and label filters. */
import type { StoredLine } from './loki-rules.ts'

type Matcher = { readonly name: string; readonly operator: string; readonly value: string }

const matcherText = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")\s*/y

/** Loki's answer to `query_range`. @throws Error for what it would call a parse error */
export function queryRange(lines: readonly StoredLine[], parameters: URLSearchParams): unknown {
  const { selector, filters } = parseLogQl(parameters.get('query') ?? '')
  const [start, end] = [BigInt(parameters.get('start') ?? '0'), BigInt(parameters.get('end') ?? '0')]
  const limit = Number(parameters.get('limit') ?? 100)
  if (limit > 5000) throw new Error('max entries limit per query exceeded')
  if (end <= start) throw new Error('end timestamp must not be before or equal to start time')
  if (end - start > 721n * 3_600_000_000_000n) throw new Error('the query time range exceeds the limit')
  const isForward = parameters.get('direction') === 'forward'
  const found = lines.filter((line) => {
    const ns = BigInt(line.ns)
    return ns >= start && ns < end && matches(line.stream, selector) && matches({ ...line.metadata, ...line.stream }, filters)
  })
  found.sort((a, b) => Number(BigInt(a.ns) - BigInt(b.ns)) * (isForward ? 1 : -1))
  return { status: 'success', data: { resultType: 'streams', result: grouped(found.slice(0, limit)), stats: {} } }
}

/** Without the header `X-Loki-Response-Encoding-Flags` the metadata is part of the stream's labels. */
function grouped(lines: readonly StoredLine[]): unknown[] {
  const streams = new Map<string, { stream: Record<string, string>; values: [string, string][] }>()
  for (const line of lines) {
    const labels = { ...line.metadata, ...line.stream }
    const key = JSON.stringify(Object.entries(labels).sort())
    const stream = streams.get(key) ?? { stream: labels, values: [] }
    streams.set(key, stream)
    stream.values.push([line.ns, line.line])
  }
  return [...streams.values()]
}

function matches(labels: Readonly<Record<string, string>>, matchers: readonly Matcher[]): boolean {
  return matchers.every(({ name, operator, value }) => {
    const isEqual = operator.includes('~')
      ? new RegExp(`^(?:${value})$`).test(labels[name] ?? '')
      : (labels[name] ?? '') === value
    return operator.startsWith('!') ? !isEqual : isEqual
  })
}

function parseLogQl(text: string): { selector: Matcher[]; filters: Matcher[] } {
  const selector: Matcher[] = []
  const filters: Matcher[] = []
  let at = expect(text, 0, '{')
  do {
    at = readMatcher(text, at, selector)
    at++
  } while (text[at - 1] === ',')
  if (text[at - 1] !== '}') throw new Error(`parse error at ${at}`)
  while (text.slice(at).trim() !== '') at = readMatcher(text, expect(text, at, '|'), filters)
  return { selector, filters }
}

function expect(text: string, from: number, sign: string): number {
  const at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0)
  if (text[at] !== sign) throw new Error(`parse error at ${at}: expected ${sign}`)
  return at + 1
}

function readMatcher(text: string, at: number, into: Matcher[]): number {
  matcherText.lastIndex = at
  const [, name, operator, value] = matcherText.exec(text) ?? []
  if (name === undefined || operator === undefined || value === undefined) throw new Error(`parse error at ${at}`)
  into.push({ name, operator, value: String(JSON.parse(value)) })
  return matcherText.lastIndex
}
