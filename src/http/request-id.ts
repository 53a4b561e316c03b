import { randomUUID } from 'node:crypto'

/** The id of a request: the sender's if it is 1..64 of `A-Za-z0-9._-`, else a new one. */
export function requestIdOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : randomUUID()
}
