import { ScopeError } from '../../errors.ts'

/** A whole number out of the arguments of a request. @throws ScopeError REQUEST_INVALID */
export function countOf(query: Readonly<Record<string, string>>, name: string, byDefault: number, max: number): number {
  const text = query[name]
  if (text === undefined) return byDefault
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= max) return count
  throw new ScopeError('REQUEST_INVALID', `must be a whole number between 1 and ${max}`, { path: name })
}
