import { ScopeError } from '../errors.ts'
import { ref } from '../http/schema-parts.ts'
import { cursorOf, cursorParts } from '../jobs/queries/cursor.ts'
import { type LogLineView, levelRank, logLevels } from '../jobs/queries/log-line.ts'
import { isTailCursor, type TailPage } from '../jobs/queries/tail.ts'
import type { ApiDeps, LokiLogs } from './deps.ts'
import { found, jobPath, withinReach } from './job-routes.ts'
import { countParam, cursorParam, wordParam } from './param.ts'
import { type Route, route } from './route.ts'

type LogPage = {
  readonly lines: readonly LogLineView[]
  readonly nextCursor: string | null
  readonly resumeCursor: string | null
  readonly source: 'tail' | 'loki'
  readonly hasGap: boolean
}

type LogWish = {
  readonly limit: number
  readonly after: string | undefined
  readonly level: (typeof logLevels)[number] | undefined
  readonly order: 'asc' | 'desc'
}

const lokiKind = 'loki'

/** Log lines of a job: from its tail in the store, and from Loki where the tail does not reach back. */
export function logRoutes(deps: ApiDeps): Route[] {
  return [
    route({
      path: `${jobPath}/logs`,
      role: 'read',
      tag: 'Jobs',
      summary: 'Log lines of a job',
      query: {
        limit: countParam('Lines a page.', { max: 1_000, default: 200 }),
        after: cursorParam('`nextCursor` of the page before, or `resumeCursor` to follow the lines that come later.'),
        level: wordParam('Lines of this level and graver ones.', logLevels),
        order: wordParam('`asc` (default) = oldest first.', ['asc', 'desc']),
      },
      answer: { schema: ref('LogPage') },
      codes: ['NOT_FOUND', 'LOKI_UNAVAILABLE'],
      answerTo: ({ path, reach, query }) => {
        const [namespace, jobId] = withinReach(path, reach)
        return readLogs(deps, namespace, jobId, { ...query, order: query.order ?? 'asc' })
      },
    }),
  ]
}

async function readLogs(deps: ApiDeps, namespace: string, jobId: string, wish: LogWish): Promise<LogPage> {
  const { lokiLogs, queries } = deps
  const lokiCursor = wish.after === undefined ? undefined : cursorParts(lokiKind, wish.after)
  if (lokiCursor !== undefined) return goOnInLoki(deps, namespace, jobId, wish, lokiCursor)
  const tail = await found(queries.getTail(namespace, jobId, wish))
  if (lokiLogs === undefined || isTailEnough(tail, wish)) return fromTail(tail, lokiLogs, wish)
  try {
    const page = await readLoki(lokiLogs, namespace, jobId, wish)
    // Whoever reads backwards has begun at the newest line: what comes later comes to the tail.
    return wish.order === 'desc' ? { ...page, resumeCursor: tail.resumeCursor } : page
  } catch (error) {
    // What the tail holds is worth more than nothing; `hasGap` says that it is not all.
    if (error instanceof ScopeError && error.code === 'LOKI_UNAVAILABLE') return fromTail(tail, undefined, wish)
    throw error
  }
}

function isTailEnough(tail: TailPage, wish: LogWish): boolean {
  const goesOn = wish.after !== undefined && isTailCursor(wish.after)
  return tail.reachesBack || goesOn || (wish.order === 'desc' && tail.lines.length > 0)
}

async function goOnInLoki(
  { lokiLogs, queries }: ApiDeps,
  namespace: string,
  jobId: string,
  wish: LogWish,
  [after, toMs]: readonly unknown[],
): Promise<LogPage> {
  await found(queries.getJobRecord(namespace, jobId))
  if (lokiLogs === undefined) throw new ScopeError('REQUEST_INVALID', 'Loki is not configured any more.', { path: 'after' })
  return readLoki(lokiLogs, namespace, jobId, wish, textOf(after), numberOf(toMs))
}

/** Going back in time, Loki takes over where the tail ends. */
function fromTail(tail: TailPage, lokiLogs: LokiLogs | undefined, wish: LogWish): LogPage {
  const isAtItsEnd = wish.order === 'desc' && tail.nextCursor === null && !tail.reachesBack
  const hasOlder = isAtItsEnd && lokiLogs !== undefined && tail.oldestTsNs !== undefined
  // To the whole millisecond after it: a line shown twice is better than a line never shown.
  const olderThanMs = hasOlder ? Number(tail.oldestTsNs?.slice(0, -6)) + 1 : undefined
  return {
    lines: tail.lines,
    nextCursor: olderThanMs === undefined ? tail.nextCursor : cursorOf(lokiKind, '', olderThanMs),
    resumeCursor: tail.resumeCursor,
    source: 'tail',
    hasGap: tail.hasGap || (isAtItsEnd && !hasOlder),
  }
}

async function readLoki(
  lokiLogs: LokiLogs,
  namespace: string,
  jobId: string,
  wish: LogWish,
  after?: string,
  toMs?: number,
): Promise<LogPage> {
  const levels = wish.level === undefined ? undefined : logLevels.slice(levelRank(wish.level))
  const { limit, order } = wish
  const page = await lokiLogs({ namespace, jobId, limit, order, levels, after, toMs })
  const cursor = (text: string | undefined) => {
    if (text === undefined) return null
    return toMs === undefined ? cursorOf(lokiKind, text) : cursorOf(lokiKind, text, toMs)
  }
  return {
    lines: page.lines.map((line) => ({ ...line, ts: toMilliseconds(line.ts), execId: line.execId ?? null })),
    nextCursor: cursor(page.nextCursor),
    resumeCursor: order === 'asc' ? cursor(page.cursor) : null,
    source: 'loki',
    hasGap: false,
  }
}

function toMilliseconds(ts: string): string {
  return ts.replace(/(\.\d{3})\d+Z$/, '$1Z')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
