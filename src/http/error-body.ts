import type { ScopeError } from '../errors.ts'

/** Bytes of JSON that each may take, so that the whole stays below 1 KiB. */
const messageBytesMax = 700
const pathBytesMax = 200

/** An error as it is answered. */
export type ErrorBody = { readonly error: { readonly code: string; readonly message: string; readonly path?: string } }

/** At most 1 KiB as JSON, whatever the message was made of. */
export function errorBody({ code, message, path = '' }: ScopeError): ErrorBody {
  const at = path === '' ? {} : { path: shortened(path, pathBytesMax) }
  return { error: { code, message: shortened(message, messageBytesMax), ...at } }
}

/** Headers that the sender needs to act on an error. @param retrySeconds when to come back, where the error does not say */
export function errorHeaders(error: ScopeError, retrySeconds?: () => number): Record<string, string> {
  if (error.status === 401) return { 'www-authenticate': 'Bearer' }
  const seconds = error.retryAfterSeconds ?? (error.status === 429 || error.status === 503 ? retrySeconds?.() : undefined)
  return seconds === undefined ? {} : { 'retry-after': String(Math.ceil(seconds)) }
}

const bytesOf = (text: string) => Buffer.byteLength(JSON.stringify(text))

function shortened(text: string, bytesMax: number): string {
  if (bytesOf(text.slice(0, bytesMax)) <= bytesMax && text.length <= bytesMax) return text
  let length = Math.min(text.length, bytesMax)
  while (bytesOf(`${text.slice(0, length)}…`) > bytesMax) length = Math.floor(length * 0.9)
  return `${text.slice(0, length)}…`
}
