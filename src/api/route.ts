import type { Request, Response } from 'express'
import type { DescribedRoute } from '../http/openapi.ts'
import type { Reach } from '../jobs/queries/reach.ts'
import type { ApiRole } from './deps.ts'
import type { Params, ValuesOf } from './param.ts'

export type Method = 'get' | 'post' | 'delete'

export type Asked<P extends Params> = {
  readonly request: Request
  readonly response: Response
  readonly reach: Reach
  /** Parts of the path, decoded once. */
  readonly path: Readonly<Record<string, string>>
  readonly query: ValuesOf<P>
}

/** One route: what it takes, what it answers, and how both are described. The router and the OpenAPI document are made of these. */
export type Route = Omit<DescribedRoute, 'method' | 'role' | 'query'> & {
  readonly method: Method
  /** `open` = no token is asked for. */
  readonly role: ApiRole | 'open'
  readonly query: Params
  /** Gives the body of a 200, or undefined when it has answered by itself. */
  readonly answerTo: (asked: Asked<Params>) => Promise<unknown> | unknown
}

type RouteOf<P extends Params> = Omit<Route, 'query' | 'answerTo' | 'method' | 'codes' | 'statuses'> & {
  readonly statuses?: readonly number[]
  readonly method?: Method
  readonly query?: P
  readonly codes?: readonly string[]
  readonly answerTo: (asked: Asked<P>) => Promise<unknown> | unknown
}

/** Makes a route whose arguments have the types that its parameters read. */
export function route<P extends Params>(spec: RouteOf<P>): Route {
  return {
    method: 'get',
    codes: [],
    statuses: [200],
    ...spec,
    query: spec.query ?? {},
    // The router reads the query with these very parameters, so the values are of P.
    answerTo: (asked) => spec.answerTo(asked as Asked<P>),
  }
}

/** Parts of a path that may hold a slash: ids are written by others. */
const widePartNames = new Set(['jobId', 'instance', 'runtimeId'])

/**
 * The expression for a path. Ids may come percent-encoded or, where that is unambiguous, with their slashes as they are:
 * `/jobs/node-09:40211/17/logs` is the log of `node-09:40211/17`. Nothing is normalised: `..` is an id like another.
 */
export function patternOf(path: string): RegExp {
  const source = path
    .split('/')
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1]
      if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&')
      return `(?<${name}>${widePartNames.has(name) ? '.+' : '[^/]+'})`
    })
    .join('/')
  return new RegExp(`^${source}$`)
}
