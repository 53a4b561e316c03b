/** What the launcher of a program says of a runtime: read and checked. */
import { isIP } from 'node:net'
import { ScopeError } from '../errors.ts'
import { expandTopics, isAllowedTopic, kindOf, knownTopics, topicsMax } from './topics.ts'

export const modes = ['batch', 'per-topic'] as const
export type Mode = (typeof modes)[number]

export type Registration = {
  readonly runtimeId: string
  readonly namespace: string
  /** Without a slash at its end. */
  readonly url: string
  readonly mode: Mode
  /** Partitions one by one. */
  readonly topics: readonly string[]
  readonly engineType: string
  readonly token: string | undefined
}

const idForm = /^[A-Za-z0-9._:@/-]{1,200}$/
const wordForm = /^[A-Za-z0-9._-]{1,100}$/
const tokenForm = /^[\x21-\x7e]{1,4096}$/
const defaultEngineType = 'cdap'

/**
 * Reads the body of a registration.
 * @param moreTopics of the installation: allowed, and asked for where the registration names none
 * @throws ScopeError REQUEST_INVALID naming the field that does not fit, TOPIC_FORBIDDEN naming the topic
 */
export function readRegistration(body: unknown, moreTopics: readonly string[]): Registration {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw misfit('', 'must be an object')
  const given = body as Readonly<Record<string, unknown>>
  return {
    runtimeId: textOf(given, 'runtimeId', idForm, 'must be 1 to 200 characters of A-Z a-z 0-9 . _ : @ / -'),
    namespace: textOf(given, 'namespace', idForm, 'must be 1 to 200 characters of A-Z a-z 0-9 . _ : @ / -', 'default'),
    url: readUrl(given['url']),
    mode: readMode(given['mode']),
    topics: readTopics(given['topics'], moreTopics),
    engineType: textOf(given, 'engineType', wordForm, 'must be 1 to 100 characters of A-Z a-z 0-9 . _ -', defaultEngineType),
    token: readToken(given['token']),
  }
}

function textOf(given: Readonly<Record<string, unknown>>, name: string, form: RegExp, says: string, byDefault?: string): string {
  const value = given[name] ?? byDefault
  if (value === undefined) throw misfit(name, 'is missing')
  if (typeof value !== 'string' || !form.test(value)) throw misfit(name, says)
  return value
}

function readUrl(value: unknown): string {
  if (value === undefined || value === null) throw misfit('url', 'is missing')
  const url = typeof value === 'string' && value.length <= 2_048 && URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw misfit('url', 'must be a URL with http:// or https://')
  if (url.username !== '' || url.password !== '') throw misfit('url', 'must not hold a user or password')
  if (url.search !== '' || url.hash !== '') throw misfit('url', 'must not have a query or a fragment')
  return url.href.replace(/\/+$/, '')
}

function readMode(value: unknown): Mode {
  const mode = modes.find((each) => each === (value ?? 'batch'))
  if (mode === undefined) throw misfit('mode', `must be one of ${modes.join(', ')}`)
  return mode
}

function readTopics(value: unknown, moreTopics: readonly string[]): readonly string[] {
  const names = value ?? [...knownTopics, ...moreTopics]
  const topics = Array.isArray(names) && names.length > 0 ? expandTopics(names) : undefined
  if (topics === undefined)
    throw misfit('topics', `must be names such as logs or task.running:2, at most ${topicsMax} with partitions`)
  const forbidden = topics.find((topic) => !isAllowedTopic(topic, moreTopics))
  if (forbidden !== undefined) throw new ScopeError('TOPIC_FORBIDDEN', forbiddenText(forbidden), { path: 'topics' })
  return topics
}

const forbiddenText = (topic: string) =>
  `topics: ${kindOf(topic)} is none that runtimes may be asked for; runtimeTopics (ENGINESCOPE_RUNTIME_TOPICS) allows more`

function readToken(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || !tokenForm.test(value)) throw misfit('token', 'must be 1 to 4096 visible ASCII characters')
  return value
}

/** The host of a URL as an address, where it is one. */
export function addressIn(url: string): string | undefined {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? undefined : host
}

function misfit(path: string, why: string): ScopeError {
  return new ScopeError('REQUEST_INVALID', `${path === '' ? 'the body' : path} ${why}`, { path })
}
