import { createHash, randomBytes } from 'node:crypto'

/** What a token may do: send reports, read, or both and every change besides. */
export const roles = ['report', 'read', 'admin'] as const
export type Role = (typeof roles)[number]

/** One token of the auth file. Only its hash is kept. */
export type TokenEntry = {
  readonly name: string
  /** 32 bytes. */
  readonly sha256: Buffer
  readonly role: Role
  readonly namespaces: '*' | ReadonlySet<string>
}

/** The 32 bytes that the auth file holds of a token. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}

/** A new token of 256 random bits, in characters that need no quoting anywhere. */
export function makeToken(): string {
  return `es_${randomBytes(32).toString('base64url')}`
}
