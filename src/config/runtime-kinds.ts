/** Kinds of the settings about runtimes: lists in one text. */
import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import { z } from 'zod'
import type { Kind } from './kinds.ts'
import { Secret } from './secret.ts'

/** A runtime of the settings, as a registration has it; what it says is checked where registrations are. */
export type ListedRuntime = Readonly<Record<string, unknown>> & { readonly runtimeId: string; readonly token?: Secret }

function kindOf<T>(unit: string, read: (text: string) => T, print: (value: T) => string): Kind<T> {
  const schema = z.string().transform((text, context) => {
    try {
      return read(text)
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : String(error))
      return z.NEVER
    }
  })
  return { unit, schema, print }
}

const partsOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** Networks in CIDR notation with commas between. */
export const networkList: Kind<readonly string[]> = kindOf<readonly string[]>(
  'networks',
  (text) => partsOf(text).map(checkedNetwork),
  (networks) => networks.join(','),
)

function checkedNetwork(text: string): string {
  const [address = '', bits, more] = text.split('/')
  const bitsMax = isIPv4(address) ? 32 : 128
  const areBitsFit = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax)
  if (isIP(address) === 0 || !areBitsFit || more !== undefined)
    throw new Error('must be networks such as 10.0.0.0/8, with commas between')
  return text
}

/** Names of topics with commas between. */
export const topicList: Kind<readonly string[]> = kindOf<readonly string[]>(
  'topics',
  (text) => {
    const names = partsOf(text)
    if (names.length > 32 || !names.every((name) => /^[A-Za-z][A-Za-z0-9._-]{0,99}(:\d{1,2})?$/.test(name)))
      throw new Error('must be at most 32 names of topics, with commas between')
    return names
  },
  (names) => names.join(','),
)

/** A JSON list of runtimes; in the file it is written as YAML. */
export const runtimeList: Kind<readonly ListedRuntime[]> = kindOf<readonly ListedRuntime[]>(
  'list',
  (text) => {
    const list = parsed(text)
    if (!Array.isArray(list)) throw new Error('must be a list of runtimes')
    return list.map((each: unknown, i) => listedRuntime(each, i))
  },
  (runtimes) => JSON.stringify(runtimes.map(({ runtimeId }) => runtimeId)),
)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own words would quote what may hold a token.
    throw new Error('must be JSON')
  }
}

function listedRuntime(given: unknown, at: number): ListedRuntime {
  const place = `entry ${at + 1}`
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error(`${place} must be a map`)
  const { tokenFile, token, ...rest } = given as Readonly<Record<string, unknown>>
  const { runtimeId } = rest
  if (typeof runtimeId !== 'string') throw new Error(`${place} must have a runtimeId`)
  if (typeof rest['url'] !== 'string') throw new Error(`${place} must have a url`)
  if (token !== undefined && typeof token !== 'string') throw new Error(`${place}: token must be a text`)
  const secret = typeof tokenFile === 'string' ? readToken(tokenFile, place) : token
  return { ...rest, runtimeId, ...(secret === undefined ? {} : { token: new Secret(secret) }) }
}

function readToken(path: string, place: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new Error(`${place}: ${path} cannot be read`, { cause: error })
  }
}
