import { ScopeError } from '../../errors.ts'
import type { OwnAnswer } from '../reports-route.ts'

const withinMs = 10_000
const answerLengthMax = 64 * 1024

/**
 * Passes a message on to the real Local Controller as it came, and takes its answer.
 * @throws ScopeError FORWARD_FAILED: the worker sends the message again, which changes nothing here
 */
export async function forwardMessage(baseUrl: string, path: string, body: Buffer): Promise<OwnAnswer> {
  try {
    const answer = await fetch(`${baseUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(withinMs),
    })
    const text = (await answer.text()).slice(0, answerLengthMax)
    return { status: answer.status, body: JSON.parse(text) as unknown }
  } catch (error) {
    throw new ScopeError('FORWARD_FAILED', undefined, { cause: error })
  }
}
