import { ScopeError } from '../../errors.ts'

const cursorCharactersMax = 8_192

/** A place in a list as an opaque word for URLs. */
export function cursorOf(kind: string, ...parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([kind, ...parts])).toString('base64url')
}

/** What a cursor of this kind holds; undefined when it is a cursor of another kind, or none at all. */
export function cursorParts(kind: string, cursor: string): unknown[] | undefined {
  if (cursor.length > cursorCharactersMax) return undefined
  const parts = decoded(cursor)
  return Array.isArray(parts) && parts[0] === kind ? parts.slice(1) : undefined
}

/** For a cursor that fits no list it was handed to. */
export function badCursor(path = 'cursor'): ScopeError {
  return new ScopeError('REQUEST_INVALID', 'The cursor is not one that was handed out here.', { path })
}

function decoded(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
