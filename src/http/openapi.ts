/** How routes become an OpenAPI document: what the documents of all apps have in common. */
import { type ErrorCode, errorTable } from '../errors.ts'
import { ref } from './schema-parts.ts'

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

/** One route as it is described. */
export type DescribedRoute = {
  readonly method: string
  /** In OpenAPI's form, e.g. `/api/v1/engines/{instance}`. */
  readonly path: string
  /** `open` = no token is asked for. */
  readonly role: string
  readonly tag: string
  readonly summary: string
  readonly query: Readonly<Record<string, { readonly about: string; readonly schema: unknown }>>
  /** JSON Schema of the answer when all went well, or another content type. */
  readonly answer: { readonly schema: unknown } | { readonly contentType: string } | 'nothing'
  /** Of the answer when all went well. */
  readonly statuses: readonly number[]
  /** JSON Schema of the body that is sent, where there is one. */
  readonly body?: unknown
  /** Error codes beside those that every route can answer. */
  readonly codes: readonly string[]
}

/** What the routes of one app share. */
export type AboutRoutes = {
  /** What a part of a path is, by its name. */
  readonly pathParts: Readonly<Record<string, string>>
  /** Error codes of every route that asks for a token. */
  readonly accessCodes: readonly string[]
}

/** The document around its paths. */
export function openApiOf(
  info: OpenApiDocument['info'],
  paths: OpenApiDocument['paths'],
  schemas: Readonly<Record<string, unknown>>,
): OpenApiDocument {
  const tags = new Set(Object.values(paths).flatMap((item) => Object.values(item).flatMap((operation) => operation.tags)))
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    security: [{ token: [] }],
    tags: [...tags].map((name) => ({ name })),
  }
}

/** The paths of routes, each with its methods. */
export function pathsOf(routes: readonly DescribedRoute[], about: AboutRoutes): OpenApiDocument['paths'] {
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route, about) }
  return paths
}

function operationOf(route: DescribedRoute, { pathParts, accessCodes }: AboutRoutes): Operation {
  const parameters = [...pathParameters(route.path, pathParts), ...queryParameters(route.query)]
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
function successes({ statuses, answer }: DescribedRoute): Record<number, unknown> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'OK', ...(answer === 'nothing' || status === 204 ? {} : { content: contentOf(answer) }) },
    ]),
  )
}

function contentOf(answer: Exclude<DescribedRoute['answer'], 'nothing'>): unknown {
  if ('contentType' in answer) return { [answer.contentType]: { schema: { type: 'string' } } }
  return { 'application/json': { schema: answer.schema } }
}

function pathParameters(path: string, about: AboutRoutes['pathParts']): ParameterObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: about[name] ?? name,
    schema: { type: 'string' },
  }))
}

function queryParameters(params: DescribedRoute['query']): ParameterObject[] {
  return Object.entries(params).map(([name, { about, schema }]) => ({ name, in: 'query', description: about, schema }))
}

/** One response per status, naming the codes that it may carry. */
export function errorResponses(codes: readonly string[]): Record<string, unknown> {
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
