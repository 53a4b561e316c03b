import { ScopeError } from '../errors.ts'
import type { ApiDeps, DeadLetterChoice } from './deps.ts'
import { countParam, cursorParam, idsParam, wordParam } from './param.ts'
import { type Route, route } from './route.ts'
import { ref } from './schemas.ts'

const choice = {
  ids: idsParam('Ids of dead letters, with commas between.', 500),
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
        limit: countParam('Lines a page.', { max: 500, default: 50 }),
        cursor: cursorParam('`nextCursor` of the page before.'),
      },
      answer: { schema: ref('DeadLetterPage') },
      answerTo: ({ query, reach }) => deadLetters.list({ ...query, reach }),
    }),
    route({
      method: 'post',
      path: '/api/v1/dead-letters/replay',
      role: 'admin',
      tag: 'Dead letters',
      summary: 'Puts lines back into the outbox, to be sent once more',
      query: choice,
      answer: { schema: ref('Replayed') },
      answerTo: ({ query, reach }) => deadLetters.replay(choiceOf(query), reach),
    }),
    route({
      method: 'delete',
      path: '/api/v1/dead-letters',
      role: 'admin',
      tag: 'Dead letters',
      summary: 'Throws lines away',
      query: choice,
      answer: { schema: ref('Deleted') },
      answerTo: ({ query, reach }) => deadLetters.remove(choiceOf(query), reach),
    }),
  ]
}

/** A change of everything must be asked for in so many words. */
function choiceOf(query: { readonly ids: readonly string[] | undefined; readonly all: 'true' | undefined }): DeadLetterChoice {
  if (query.all === 'true' && query.ids === undefined) return 'all'
  if (query.ids !== undefined && query.ids.length > 0 && query.all === undefined) return query.ids
  throw new ScopeError('REQUEST_INVALID', 'Either ids or all=true is needed.', { path: 'ids' })
}
