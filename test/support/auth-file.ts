import { writeFileSync } from 'node:fs'
import { hashOfToken, makeToken, type Role } from '../../src/access/token.ts'

export type TokenWish = { readonly role: Role; readonly namespaces: readonly string[] }

/** Writes an auth file. @returns the tokens in clear, by the names they were asked for */
export function writeAuthFile<Name extends string>(
  path: string,
  wishes: Readonly<Record<Name, TokenWish>>,
): Record<Name, string> {
  const made = Object.entries<TokenWish>(wishes).map(([name, wish]) => ({ name, ...wish, token: makeToken() }))
  const tokens = made.map(({ token, ...entry }) => ({ ...entry, sha256: hashOfToken(token).toString('hex') }))
  writeFileSync(path, JSON.stringify({ tokens }))
  return Object.fromEntries(made.map(({ name, token }) => [name, token])) as Record<Name, string>
}
