import { type ErrorCode, errorTable } from '../errors.ts'
import type { ApiDeps } from './deps.ts'
import type { Params } from './param.ts'
import type { Route } from './route.ts'
import { ref } from './schema-parts.ts'
import { schemas } from './schemas.ts'

export type Operation = {
  readonly summary: string
  readonly tags: readonly string[]
  readonly parameters?: readonly ParameterObject[]
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, unknown>>
  readonly security?: readonly unknown[]
}

export type ParameterObject = {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description: string
  readonly schema: unknown
}

export type OpenApiDocument = {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, unknown>>; readonly securitySchemes: unknown }
  readonly security: readonly unknown[]
  readonly tags: readonly { readonly name: string }[]
}

const pathPartAbout: Readonly<Record<string, string>> = {
  ns: 'Namespace.',
  jobId: 'Id of the job, percent-encoded; its slashes may stand as they are where that is unambiguous.',
  instance: 'Instance of the engine, percent-encoded.',
  runtimeId: 'Id of the runtime, percent-encoded; its slashes may stand as they are where that is unambiguous.',
  namespace: 'Namespace.',
}

const accessCodes = ['TOKEN_MISSING', 'TOKEN_INVALID', 'ROLE_MISSING', 'RATE_LIMITED', 'REDIS_UNAVAILABLE'] as const

/** The description of every route, OpenAPI 3.1. */
export function openApiDocument(
  routes: readonly Route[],
  deps: Pick<ApiDeps, 'version' | 'reportJsonSchema' | 'morePaths'>,
): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) }
  const all = { ...doorPaths(), ...paths, ...(deps.morePaths as OpenApiDocument['paths'] | undefined) }
  const tags = new Set(Object.values(all).flatMap((item) => Object.values(item).flatMap((operation) => operation.tags)))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Enginescope',
      version: deps.version,
      description: 'What compute engines do: one report per task becomes live job state, Prometheus series and Loki logs.',
    },
    paths: all,
    components: {
      schemas: { ...schemas, Report: deps.reportJsonSchema },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ token: [] }],
    tags: [...tags].map((name) => ({ name })),
  }
}

function operationOf(route: Route): Operation {
  const parameters = [...pathParameters(route.path), ...queryParameters(route.query)]
  const access = route.role === 'open' ? [] : accessCodes
  const codes = [...(parameters.length > 0 ? ['REQUEST_INVALID'] : []), ...access, ...route.codes]
  return {
    summary: route.summary,
    tags: [route.tag],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }),
    responses: { ...successes(route), ...errorResponses(codes) },
    ...(route.role === 'open' ? { security: [] } : {}),
  }
}

/** A 204 has no body, whatever the others have. */
function successes({ statuses, answer }: Route): Record<number, unknown> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'OK', ...(answer === 'nothing' || status === 204 ? {} : { content: contentOf(answer) }) },
    ]),
  )
}

function contentOf(answer: Exclude<Route['answer'], 'nothing'>): unknown {
  if ('contentType' in answer) return { [answer.contentType]: { schema: { type: 'string' } } }
  return { 'application/json': { schema: answer.schema } }
}

function pathParameters(path: string): ParameterObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: pathPartAbout[name] ?? name,
    schema: { type: 'string' },
  }))
}

function queryParameters(params: Params): ParameterObject[] {
  return Object.entries(params).map(([name, { about, schema }]) => ({ name, in: 'query', description: about, schema }))
}

/** One response per status, naming the codes that it may carry. */
function errorResponses(codes: readonly string[]): Record<string, unknown> {
  const byStatus = new Map<number, string[]>()
  for (const code of codes) {
    const { status } = errorTable[code as ErrorCode]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      status,
      { description: found.join(', '), content: { 'application/json': { schema: ref('Error') } } },
    ]),
  )
}

/** Routes that the server answers ahead of the router: the hot door and the exposition. */
function doorPaths(): Record<string, Record<string, Operation>> {
  const report = ref('Report')
  const codes = [
    'BODY_EMPTY',
    'BODY_NOT_JSON',
    'REPORT_INVALID',
    'BODY_TOO_LARGE',
    'TOO_MANY_REPORTS',
    'CONTENT_TYPE_UNSUPPORTED',
  ]
  const busy = ['RATE_LIMITED', 'BUSY', 'REDIS_UNAVAILABLE', 'SHUTTING_DOWN']
  return {
    '/api/v1/reports': {
      post: {
        summary: 'Takes one report, a list of them, or one a line; gzip and br too',
        tags: ['Reports'],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { oneOf: [report, { type: 'array', items: report }] } },
            'application/x-ndjson': { schema: { type: 'string' } },
          },
        },
        responses: {
          200: { description: 'OK', content: { 'application/json': { schema: ref('ReportAnswer') } } },
          ...errorResponses([...codes, 'TOKEN_MISSING', 'TOKEN_INVALID', 'ROLE_MISSING', 'NAMESPACE_FORBIDDEN', ...busy]),
        },
      },
    },
    '/metrics': {
      get: {
        summary: 'The series, in Prometheus text 0.0.4 or OpenMetrics',
        tags: ['Metrics'],
        responses: { 200: { description: 'OK', content: { 'text/plain': { schema: { type: 'string' } } } } },
      },
    },
  }
}
