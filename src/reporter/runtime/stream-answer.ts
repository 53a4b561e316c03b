import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { messageIdOf } from './message-id.ts'
import type { TopicAnswer } from './message-log.ts'

/** Bytes that are put together before they are written: one write a message would cost a packet each. */
const pieceBytes = 64 * 1024

/**
 * Streams an answer, topic by topic and message by message, no faster than the reader reads.
 * @throws when the reader is gone or takes longer than `timeoutMs`, whose connection is then cut
 */
export async function streamAnswer(
  response: ServerResponse,
  head: { readonly runtimeId: string; readonly epoch: string },
  topics: readonly TopicAnswer[],
  timeoutMs: number,
): Promise<void> {
  const late = AbortSignal.timeout(timeoutMs)
  const cut = () => response.destroy()
  const gone = goneSignal(response)
  late.addEventListener('abort', cut)
  try {
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    for (const piece of piecesOf(head, topics)) {
      if (!response.write(piece)) await once(response, 'drain', { signal: gone })
    }
    response.end()
    await once(response, 'finish', { signal: gone })
  } finally {
    late.removeEventListener('abort', cut)
  }
}

/** Aborts when the connection closes before the answer was written. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  if (response.destroyed) gone.abort()
  else response.once('close', () => gone.abort())
  return gone.signal
}

function* piecesOf(head: { runtimeId: string; epoch: string }, topics: readonly TopicAnswer[]): Generator<Buffer> {
  let pieces: Buffer[] = []
  let bytes = 0
  for (const text of textsOf(head, topics)) {
    const piece = typeof text === 'string' ? Buffer.from(text) : text
    pieces.push(piece)
    bytes += piece.length
    if (bytes < pieceBytes) continue
    yield Buffer.concat(pieces)
    pieces = []
    bytes = 0
  }
  yield Buffer.concat(pieces)
}

function* textsOf(head: { runtimeId: string; epoch: string }, topics: readonly TopicAnswer[]): Generator<string | Buffer> {
  const idText = (number: number | undefined) => (number === undefined ? 'null' : `"${messageIdOf(head.epoch, number)}"`)
  yield `{"runtimeId":${JSON.stringify(head.runtimeId)},"epoch":"${head.epoch}","topics":{`
  for (const [index, { topic, earliest, latest, messages }] of topics.entries()) {
    const comma = index === 0 ? '' : ','
    yield `${comma}"${topic}":{"earliest":${idText(earliest)},"latest":${idText(latest)},"messages":[`
    for (const [at, { number, publishedAt, bytes }] of messages.entries()) {
      yield `${at === 0 ? '' : ','}{"messageId":"${messageIdOf(head.epoch, number)}","publishedAt":${publishedAt},"message":`
      yield bytes
      yield '}'
    }
    yield ']}'
  }
  yield '}}\n'
}
