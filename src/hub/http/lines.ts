/** Many messages over one request: a line of JSON each, answered by a line each, in whichever order the answers come. */
import type { IncomingMessage } from 'node:http'

/** Says that a body is such lines; a door that takes them names it in `Accept-Post`. */
export const linesType = 'application/x-ndjson'

/**
 * The answer to `{"id":number,"body":...}`: what a request of its own would have got, under the number that the sender chose. `id`
 * null: the lines end here, for what the body says.
 */
export type AnswerLine = {
  readonly id: number | null
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Characters of one line; what is longer goes alone. */
export const lineLengthMax = 65_536
/** Messages of one request that may wait for their answers. */
export const unansweredMax = 1_000

export function isLines({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return /^application\/x-ndjson *(;|$)/i.test(headers['content-type'] ?? '')
}

/**
 * Calls back with each line that has come whole, without its end.
 * @param onTooLong there is one without an end within the limit; nothing is read after it
 */
export function readLines(stream: IncomingMessage, onLine: (line: string) => void, onTooLong: () => void): void {
  let rest = ''
  let isBeyond = false
  stream.setEncoding('utf8').on('data', (text: string) => {
    if (isBeyond) return
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      const line = rest + text.slice(from, end)
      rest = ''
      from = end + 1
      onLine(line)
    }
    rest += text.slice(from)
    if (rest.length <= lineLengthMax) return
    isBeyond = true
    rest = ''
    onTooLong()
  })
}

/** The object that a line is the JSON of, if it is one. */
export function parsedLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
