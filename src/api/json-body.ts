import type { IncomingMessage } from 'node:http'
import { ScopeError } from '../errors.ts'

const bodyBytesMax = 65_536

/** Reads a small JSON body. @throws ScopeError CONTENT_TYPE_UNSUPPORTED, BODY_EMPTY, BODY_TOO_LARGE or BODY_NOT_JSON */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== undefined && type !== 'application/json')
    throw new ScopeError('CONTENT_TYPE_UNSUPPORTED', 'The content type must be application/json.')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > bodyBytesMax) throw new ScopeError('BODY_TOO_LARGE')
    chunks.push(chunk as Buffer)
  }
  if (bytes === 0) throw new ScopeError('BODY_EMPTY')
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new ScopeError('BODY_NOT_JSON', undefined, { cause })
  }
}
