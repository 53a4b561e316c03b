import { errorResponses, type OpenApiDocument, type Operation, openApiOf, pathsOf } from '../http/openapi.ts'
import { ref } from '../http/schema-parts.ts'
import type { ApiDeps } from './deps.ts'
import type { Route } from './route.ts'
import { schemas } from './schemas.ts'

const pathParts: Readonly<Record<string, string>> = {
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
  return openApiOf(
    {
      title: 'Enginescope',
      version: deps.version,
      description: 'What compute engines do: one report per task becomes live job state, Prometheus series and Loki logs.',
    },
    {
      ...doorPaths(),
      ...pathsOf(routes, { pathParts, accessCodes }),
      ...(deps.morePaths as OpenApiDocument['paths'] | undefined),
    },
    { ...schemas, Report: deps.reportJsonSchema },
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
