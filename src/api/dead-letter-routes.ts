import { ScopeError } from '../errors.ts'
import { ref } from '../http/schema-parts.ts'
import { type Reach, reaches } from '../jobs/queries/reach.ts'
import type { ApiDeps, DeadLetterChoice, MayTouch } from './deps.ts'
import { countParam, cursorParam, idsParam, wordParam } from './param.ts'
import { type Route, route } from './route.ts'

const choice = {
  ids: idsParam('Ids of dead letters, with commas between.', 100),
  all: wordParam('`true` = all of them, instead of `ids`.', ['true']),
}

/** Log lines that Loki refuses for good: looked at, sent once more, thrown away. */
export function deadLetterRoutes({ deadLetters }: ApiDeps): Route[] {
  return [
    route({
      path: '/api/v1/dead-letters',
      role: 'admin',
      tag: 'Dead letters',
      summary: 'Log lines that Loki refuses for good, with the reason',
      query: {
        limit: countParam('Lines a page.', { max: 100, default: 50 }),
        cursor: cursorParam('`nextCursor` of the page before.'),
      },
      answer: { schema: ref('DeadLetterPage') },
      answerTo: async ({ query, reach }) => {
        const page = await deadLetters.list({ limit: query.limit, after: query.cursor, may: mayTouch(reach) })
        return { deadLetters: page.deadLetters, nextCursor: page.nextCursor ?? null }
      },
    }),
    route({
      method: 'post',
      path: '/api/v1/dead-letters/replay',
      role: 'admin',
      tag: 'Dead letters',
      summary: 'Puts lines back into the outbox, to be sent once more',
      query: choice,
      answer: { schema: ref('Replayed') },
      answerTo: async ({ query, reach }) => ({ replayed: await deadLetters.replay(choiceOf(query, reach)) }),
    }),
    route({
      method: 'delete',
      path: '/api/v1/dead-letters',
      role: 'admin',
      tag: 'Dead letters',
      summary: 'Throws lines away',
      query: choice,
      answer: { schema: ref('Deleted') },
      answerTo: async ({ query, reach }) => ({ deleted: await deadLetters.drop(choiceOf(query, reach)) }),
    }),
  ]
}

type ChoiceQuery = { readonly ids: readonly string[] | undefined; readonly all: 'true' | undefined }

/** A change of everything must be asked for in so many words. */
function choiceOf({ ids, all }: ChoiceQuery, reach: Reach): DeadLetterChoice {
  const may = mayTouch(reach)
  if (all === 'true' && ids === undefined) return { ids: 'all', may }
  if (ids !== undefined && ids.length > 0 && all === undefined) return { ids, may }
  throw new ScopeError('REQUEST_INVALID', 'Either ids or all=true is needed.', { path: 'ids' })
}

/** What could not be read belongs to no namespace: it is for those who reach all. */
function mayTouch(reach: Reach): MayTouch {
  return (namespace) => reach === '*' || (namespace !== undefined && reaches(reach, namespace))
}
