import { ScopeError } from '../errors.ts'
import { ref } from '../http/schema-parts.ts'
import { type Reach, reaches } from '../jobs/queries/reach.ts'
import { type TaskStatus, taskStatuses } from '../report/status.ts'
import { statusOf } from '../report/status-words.ts'
import type { ApiDeps } from './deps.ts'
import { countParam, cursorParam, textParam, wordsParam } from './param.ts'
import { type Route, route } from './route.ts'

export const jobPath = '/api/v1/namespaces/{ns}/jobs/{jobId}'

/** Jobs: the list, one of them, its samples over time. */
export function jobRoutes({ queries }: ApiDeps): Route[] {
  return [
    route({
      path: '/api/v1/jobs',
      role: 'read',
      tag: 'Jobs',
      summary: 'Jobs, newest first',
      query: {
        namespace: textParam('Only this namespace.'),
        status: wordsParam('Only these statuses, with commas between; the words of any engine.', taskStatuses, statusWord),
        taskType: textParam('Only this task type.'),
        engineType: textParam('Only this engine type.'),
        engine: textParam('Only jobs that this engine reported last, or of which it holds an open task.'),
        user: textParam('Only jobs of this user.'),
        q: textParam('Only jobs whose id, user or attributes (`key=value`) hold this text, whatever its case.'),
        limit: countParam('Jobs a page.', { max: 500, default: 50 }),
        cursor: cursorParam('`nextCursor` of the page before.'),
      },
      answer: { schema: ref('JobPage') },
      answerTo: ({ reach, query: { status, limit, cursor, ...filter } }) =>
        queries.listJobs({ ...filter, statuses: status, reach }, { limit, cursor }),
    }),
    route({
      path: `${jobPath}/history`,
      role: 'read',
      tag: 'Jobs',
      summary: 'Samples of a job over time, oldest first',
      query: { limit: countParam('Newest samples.', { max: 2_000, default: 500 }) },
      answer: { schema: ref('History') },
      codes: ['NOT_FOUND'],
      answerTo: ({ reach, path, query }) => found(queries.getHistory(...withinReach(path, reach), query.limit)),
    }),
    route({
      path: jobPath,
      role: 'read',
      tag: 'Jobs',
      summary: 'Everything known of one job, while it runs and afterwards',
      answer: { schema: ref('Job') },
      codes: ['NOT_FOUND'],
      answerTo: ({ reach, path }) => found(queries.getJob(...withinReach(path, reach))),
    }),
  ]
}

/**
 * Namespace and id to look up. Out of reach it is an id that no job can have: the answer, and the time it takes, are those
 * for a job that does not exist.
 */
export function withinReach(path: Readonly<Record<string, string>>, reach: Reach): [namespace: string, jobId: string] {
  const { ns = '', jobId = '' } = path
  return [ns, reaches(reach, ns) ? jobId : `${jobId}\u0000`]
}

/** @throws ScopeError NOT_FOUND when there is nothing */
export async function found<T>(looked: Promise<T | undefined>): Promise<T> {
  const value = await looked
  if (value === undefined) throw new ScopeError('NOT_FOUND')
  return value
}

/** `lost` comes from the aggregator alone, so the words of engines do not hold it. */
function statusWord(word: string): TaskStatus | undefined {
  return word.toLowerCase() === 'lost' ? 'lost' : statusOf(word)
}
