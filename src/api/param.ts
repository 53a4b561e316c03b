import type { Request } from 'express'
import { ScopeError } from '../errors.ts'

/** An argument of a request: how it is read and how it is described, said once. */
export type Param<T> = {
  readonly about: string
  /** JSON Schema of the text. */
  readonly schema: Readonly<Record<string, unknown>>
  readonly read: (text: string | undefined, path: string) => T
}

export type Params = Readonly<Record<string, Param<unknown>>>
export type ValuesOf<P extends Params> = { readonly [Name in keyof P]: P[Name] extends Param<infer T> ? T : never }

const textLengthMax = 512
const echoedMax = 64

/** A text that may be absent. An empty one counts as absent. */
export function textParam(about: string, schema: Readonly<Record<string, unknown>> = {}): Param<string | undefined> {
  return {
    about,
    schema: { type: 'string', maxLength: textLengthMax, ...schema },
    read: (text, path) => {
      if (text !== undefined && text.length > textLengthMax) throw misfit(path, `is longer than ${textLengthMax} characters`)
      return text
    },
  }
}

/** A cursor as it was handed out; its list knows what it means. */
export function cursorParam(about: string): Param<string | undefined> {
  return { about, schema: { type: 'string' }, read: (text) => text }
}

export function countParam(about: string, limits: { readonly max: number; readonly default: number }): Param<number> {
  return {
    about,
    schema: { type: 'integer', minimum: 1, maximum: limits.max, default: limits.default },
    read: (text, path) => {
      if (text === undefined) return limits.default
      const count = Number(text)
      if (!/^\d{1,9}$/.test(text) || count < 1 || count > limits.max) throw misfit(path, `must be 1..${limits.max}`, text)
      return count
    },
  }
}

/** One word of a few, whatever its case. */
export function wordParam<const W extends string>(about: string, words: readonly W[]): Param<W | undefined> {
  return {
    about,
    schema: { type: 'string', enum: words },
    read: (text, path) => {
      if (text === undefined) return undefined
      const word = words.find((candidate) => candidate.toLowerCase() === text.toLowerCase())
      if (word === undefined) throw misfit(path, `must be one of ${words.join(', ')}`, text)
      return word
    },
  }
}

/** Words with commas between them, each read by `wordOf`. */
export function wordsParam<W extends string>(
  about: string,
  words: readonly W[],
  wordOf: (text: string) => W | undefined,
): Param<readonly W[] | undefined> {
  return {
    about,
    schema: { type: 'string', examples: [words.slice(0, 2).join(',')] },
    read: (text, path) =>
      text?.split(',').map((part) => {
        const word = wordOf(part.trim())
        if (word === undefined) throw misfit(path, `must be of ${words.join(', ')}`, part)
        return word
      }),
  }
}

/** Ids with commas between them, or nothing. */
export function idsParam(about: string, max: number): Param<readonly string[] | undefined> {
  return {
    about,
    schema: { type: 'string' },
    read: (text, path) => {
      const ids = text?.split(',').filter((id) => id !== '')
      if (ids !== undefined && ids.length > max) throw misfit(path, `names more than ${max} ids`)
      return ids
    },
  }
}

/** Reads the arguments of a request. @throws ScopeError REQUEST_INVALID with the name of the one that does not fit */
export function readParams<P extends Params>(request: Request, params: P): ValuesOf<P> {
  const values = Object.entries(params).map(([name, param]) => {
    const given = request.query[name]
    if (Array.isArray(given)) throw misfit(name, 'is given more than once')
    const text = typeof given === 'string' && given !== '' ? given : undefined
    return [name, param.read(text, name)] as const
  })
  return Object.fromEntries(values) as ValuesOf<P>
}

function misfit(path: string, why: string, given?: string): ScopeError {
  const echo = given === undefined ? '' : `, not ${JSON.stringify(given.slice(0, echoedMax))}`
  return new ScopeError('REQUEST_INVALID', `${path} ${why}${echo}`, { path })
}
