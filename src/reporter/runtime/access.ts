import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { RequestFault } from './request.ts'

/** Lets nobody in without the bearer token; a check that takes the same time for every wrong one. */
export function tokenCheck(token: string | undefined): (request: IncomingMessage) => void {
  if (token === undefined || token === '') return () => {}
  const expected = hashOf(token)
  return (request) => {
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    if (given === undefined) throw new RequestFault(401, 'TOKEN_MISSING', 'a bearer token is needed')
    if (!timingSafeEqual(hashOf(given), expected)) throw new RequestFault(401, 'TOKEN_INVALID', 'the bearer token is not known')
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
