import type { IncomingMessage, ServerResponse } from 'node:http'
import { ScopeError } from '../../errors.ts'
import { errorAnswer } from '../../http/error-answer.ts'
import { type AnswerLine, linesType, parsedLine, readLines, unansweredMax } from './lines.ts'

/** Answers one message as a request of its own would be answered; never rejects. @param length characters of its line */
export type AnswerMessage = (body: unknown, length: number) => Promise<Omit<AnswerLine, 'id'>>

/**
 * Answers a request of lines until its sender ends it, or the door closes. A sender that is ahead of its answers, or does not read
 * them, is not read any further.
 * @param leaving the door closes: what has been read is answered, and then the lines end
 */
export function answerLines(
  request: IncomingMessage,
  response: ServerResponse,
  answer: AnswerMessage,
  leaving: AbortSignal | undefined,
): void {
  let unanswered = 0
  let isEnding = false
  const end = () => {
    isEnding = true
    request.pause()
    if (unanswered === 0 && !response.writableEnded) response.end()
  }
  const pace = () => {
    if (isEnding) return
    if (unanswered >= unansweredMax || response.writableNeedDrain) request.pause()
    else if (request.isPaused()) request.resume()
  }
  const say = (line: AnswerLine) => {
    if (!response.destroyed && !response.writableEnded) response.write(`${JSON.stringify(line)}\n`)
  }
  const refuse = (error: ScopeError) => {
    if (isEnding) return
    const { status, body } = errorAnswer(error)
    say({ id: null, status, body })
    end()
  }
  const take = async (id: number, body: unknown, length: number) => {
    unanswered++
    pace()
    const answered = await answer(body, length)
    say({ id, ...answered })
    unanswered--
    if (isEnding) end()
    else pace()
  }
  const read = (line: string) => {
    if (isEnding) return
    const message = parsedLine(line)
    const id = message?.['id']
    if (message !== undefined && typeof id === 'number') void take(id, message['body'], line.length)
    else refuse(new ScopeError('BODY_NOT_JSON', 'A line is {"id":number,"body":...}.'))
  }
  response.writeHead(200, { 'content-type': linesType, 'cache-control': 'no-store' }).flushHeaders()
  response.on('drain', pace)
  request.once('end', end)
  // The sender is gone: what is answered yet is for nobody.
  request.once('error', end)
  // A signal that has been given calls nobody any more.
  if (leaving?.aborted === true) end()
  leaving?.addEventListener('abort', end)
  response.once('close', () => leaving?.removeEventListener('abort', end))
  readLines(request, read, () => refuse(new ScopeError('BODY_TOO_LARGE', 'A line is too long; send it in a request of its own.')))
}
