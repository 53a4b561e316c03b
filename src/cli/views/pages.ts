import type { Target } from '../target.ts'
import { type Answer, ask } from './query-client.ts'

type Query = Readonly<Record<string, string | number | undefined>>

/** Reads a list page by page until there are enough, or no more. @param key name of the list in the answer */
export async function askPages<K extends string, T>(
  target: Target,
  path: string,
  key: K,
  query: Query,
  limits: { readonly total: number; readonly page: number },
): Promise<Answer<{ readonly items: readonly T[]; readonly nextCursor: string | null }>> {
  const items: T[] = []
  let cursor: string | null | undefined
  let nowMs = Date.now()
  while (items.length < limits.total && cursor !== null) {
    const limit = Math.min(limits.page, limits.total - items.length)
    type Page = Readonly<Record<K, readonly T[]>> & { readonly nextCursor: string | null }
    const answer: Answer<Page> = await ask(target, path, { ...query, limit, cursor })
    items.push(...answer.body[key])
    cursor = answer.body.nextCursor
    nowMs = answer.nowMs
  }
  return { body: { items, nextCursor: cursor ?? null }, nowMs }
}
