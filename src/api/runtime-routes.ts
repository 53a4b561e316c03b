import { ref } from '../http/schema-parts.ts'
import type { ApiDeps } from './deps.ts'
import { readJsonBody } from './json-body.ts'
import { cursorParam, textParam } from './param.ts'
import { type Route, route } from './route.ts'

const path = '/api/v1/runtimes/{runtimeId}'
const tag = 'Runtimes'
const bodyCodes = ['BODY_EMPTY', 'BODY_NOT_JSON', 'BODY_TOO_LARGE', 'CONTENT_TYPE_UNSUPPORTED'] as const

type Runtimes = NonNullable<ApiDeps['runtimes']>

const idOf = (parts: Readonly<Record<string, string>>) => parts['runtimeId'] ?? ''

/** Runtimes whose messages are fetched, and the log of the statuses of their runs. */
export function runtimeRoutes({ runtimes }: ApiDeps): Route[] {
  if (runtimes === undefined) return []
  // What is asked of a runtime stands before the runtime itself, whose pattern takes such names for ends of its id.
  return [...registryRoutes(runtimes), ...wishRoutes(runtimes), ...singleRoutes(runtimes), statusRoute(runtimes)]
}

function registryRoutes(runtimes: Runtimes): Route[] {
  return [
    route({
      method: 'post',
      path: '/api/v1/runtimes',
      role: 'report',
      tag,
      summary: 'Has the messages of a runtime fetched from now on; once more: its URL and token are replaced',
      body: ref('RuntimeRegistration'),
      answer: { schema: ref('Runtime') },
      statuses: [201, 200],
      codes: [
        'REQUEST_INVALID',
        'TARGET_FORBIDDEN',
        'TOPIC_FORBIDDEN',
        'NAMESPACE_FORBIDDEN',
        'RUNTIME_ELSEWHERE',
        'RUNTIME_ENDED',
        'RUNTIMES_LIMIT',
        ...bodyCodes,
      ],
      answerTo: async ({ request, response, reach }) => {
        const { isNew, runtime } = await runtimes.register(await readJsonBody(request), reach)
        if (isNew) response.status(201)
        return runtime
      },
    }),
    route({
      path: '/api/v1/runtimes',
      role: 'read',
      tag,
      summary: 'Runtimes with state, offsets, lag and owner; ended ones too, for the retention time',
      answer: { schema: ref('RuntimeList') },
      answerTo: ({ reach }) => runtimes.list(reach),
    }),
  ]
}

function wishRoutes(runtimes: Runtimes): Route[] {
  return [
    route({
      method: 'post',
      path: `${path}/stop`,
      role: 'report',
      tag,
      summary: 'Asks a runtime to end its run; the status comes from the runtime',
      answer: 'nothing',
      statuses: [202],
      codes: ['NOT_FOUND', 'RUNTIME_ENDED'],
      answerTo: async ({ response, reach, path: parts }) => {
        await runtimes.stop(idOf(parts), reach)
        response.status(202).end()
      },
    }),
    route({
      method: 'post',
      path: `${path}/process`,
      role: 'report',
      tag,
      summary: "The launcher's notice that the process of a runtime is gone",
      body: ref('RuntimeProcess'),
      answer: 'nothing',
      statuses: [202],
      codes: ['NOT_FOUND', 'RUNTIME_ENDED', ...bodyCodes],
      answerTo: async ({ request, response, reach, path: parts }) => {
        await runtimes.noteProcess(idOf(parts), await readJsonBody(request), reach)
        response.status(202).end()
      },
    }),
    ...(['refused', 'opaque'] as const).map((which) =>
      route({
        path: `${path}/${which}`,
        role: 'read',
        tag,
        summary:
          which === 'refused'
            ? 'The newest messages of a runtime that were refused, each with the reason'
            : 'The newest messages of a runtime in each topic that means nothing to us',
        answer: { schema: ref('RuntimeMessages') },
        codes: ['NOT_FOUND'],
        answerTo: ({ reach, path: parts }) => runtimes.messages(idOf(parts), which, reach),
      }),
    ),
  ]
}

function singleRoutes(runtimes: Runtimes): Route[] {
  return [
    route({
      path,
      role: 'read',
      tag,
      summary: 'One runtime',
      answer: { schema: ref('Runtime') },
      codes: ['NOT_FOUND'],
      answerTo: ({ reach, path: parts }) => runtimes.get(idOf(parts), reach),
    }),
    route({
      method: 'delete',
      path,
      role: 'report',
      tag,
      summary: 'Ceases to fetch the messages of a runtime; its job stays as it is',
      answer: 'nothing',
      statuses: [204],
      codes: ['NOT_FOUND'],
      answerTo: async ({ response, reach, path: parts }) => {
        await runtimes.remove(idOf(parts), reach)
        response.status(204).end()
      },
    }),
  ]
}

function statusRoute(runtimes: Runtimes): Route {
  return route({
    path: '/v3/namespaces/{namespace}/programs/status',
    role: 'read',
    tag,
    summary: 'Statuses of the runs of a namespace in the order they were applied; 204 when none is newer',
    query: {
      batchsize: textParam('Messages at most: 1 to 1000, by default 100. More than 1000 counts as 1000.', {
        pattern: '^[0-9]+$',
      }),
      start_offset: cursorParam('`next_offset` of the answer before; exclusive. Without: from the first.'),
    },
    answer: { schema: ref('ProgramStatuses') },
    statuses: [200, 204],
    codes: ['NAMESPACE_FORBIDDEN', 'STORE_FAILED'],
    answerTo: async ({ response, reach, path: parts, query }) => {
      const { batchsize, start_offset: startOffset } = query
      const page = await runtimes.programStatuses(parts['namespace'] ?? '', batchsize, startOffset, reach)
      if (page === undefined) response.status(204).end()
      return page
    },
  })
}
