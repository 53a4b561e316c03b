/** The kinds of values a setting may have. Every source gives text, so every kind reads text. */
import { z } from 'zod'
import { parseRedisTarget, type RedisTarget, redisTargetText } from './redis-target.ts'
import { Secret } from './secret.ts'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from './units.ts'

/** How one kind of setting is read from text, and printed. */
export type Kind<T> = {
  /** What the value is, for help and reference: `duration`, `bytes`, `URL`. */
  readonly unit: string
  readonly schema: z.ZodType<T, string>
  readonly print: (value: T) => string
}

type Range = { readonly min: number; readonly max: number }

/** `read` answers with the value or throws an Error whose message says what does not fit. */
function readBy<T>(read: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return read(text)
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : String(error))
      return z.NEVER
    }
  })
}

function inRange(value: number | undefined, range: Range, form: string, print: (value: number) => string): number {
  if (value === undefined) throw new Error(`must be ${form}`)
  if (value < range.min || value > range.max) throw new Error(`must be between ${print(range.min)} and ${print(range.max)}`)
  return value
}

/** Milliseconds out of `15s`, `5m`, `7d`. */
export function duration(min: string, max: string): Kind<number> {
  const range = { min: parseDurationMs(min) ?? 0, max: parseDurationMs(max) ?? 0 }
  const read = (text: string) =>
    inRange(parseDurationMs(text), range, 'a duration with its unit: 250ms, 15s, 5m, 12h, 7d', formatDuration)
  return { unit: 'duration', schema: readBy(read), print: formatDuration }
}

/** Bytes out of `64KiB`, `256MiB`. */
export function size(min: string, max: string): Kind<number> {
  const range = { min: parseSizeBytes(min) ?? 0, max: parseSizeBytes(max) ?? 0 }
  const read = (text: string) =>
    inRange(parseSizeBytes(text), range, 'a size with its unit: 512B, 64KiB, 256MiB, 1GiB', formatSize)
  return { unit: 'size', schema: readBy(read), print: formatSize }
}

/** A whole number within a range. */
export function whole(min: number, max: number, unit = 'number'): Kind<number> {
  const read = (text: string) =>
    inRange(/^\d{1,15}$/.test(text) ? Number(text) : undefined, { min, max }, 'a whole number', String)
  return { unit, schema: readBy(read), print: String }
}

/** One of a few words. */
export function word<const T extends string>(words: readonly T[]): Kind<T> {
  const read = (text: string): T => {
    const found = words.find((candidate) => candidate === text)
    if (found === undefined) throw new Error(`must be one of ${words.join(', ')}`)
    return found
  }
  return { unit: words.join(' | '), schema: readBy(read), print: String }
}

function readWebUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new Error('must be a URL with http:// or https://')
  if (url.username !== '' || url.password !== '') throw new Error('must not hold a user or password: URLs are printed')
  if (url.search !== '' || url.hash !== '') throw new Error('must not have a query or a fragment')
  return url.href.replace(/\/+$/, '')
}

/** Base URL of a web service, without a slash at its end. */
export const webUrl: Kind<string> = { unit: 'URL', schema: readBy(readWebUrl), print: String }

/** Where Redis is. */
export const redisUrl: Kind<RedisTarget> = { unit: 'URL', schema: readBy(parseRedisTarget), print: redisTargetText }

/** Free text that must not be seen. */
export const secret: Kind<Secret> = { unit: 'secret', schema: readBy((text) => new Secret(text)), print: String }

/** Text that fits a pattern. @param says what fits, after "must be". */
export function text(pattern: RegExp, says: string, unit = 'text'): Kind<string> {
  const read = (value: string): string => {
    if (!pattern.test(value)) throw new Error(`must be ${says}`)
    return value
  }
  return { unit, schema: readBy(read), print: String }
}

function readLokiTenant(value: string): string {
  const fits = /^[A-Za-z0-9!\-_.*'()]{1,150}$/.test(value) && value !== '.' && value !== '..'
  if (!fits) throw new Error("must be 1 to 150 of A-Z a-z 0-9 ! - _ . * ' ( ), and neither . nor ..")
  return value
}

/** Loki's own rule for the id of a tenant. */
export const lokiTenant: Kind<string> = { unit: 'text', schema: readBy(readLokiTenant), print: String }
