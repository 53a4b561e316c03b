import express, { type Express, type RequestHandler, type Router } from 'express'
import { ScopeError } from '../errors.ts'
import { answerErrors, answerNotFound, keepRequestId } from '../http/error-answer.ts'
import { safeHeaders } from '../http/safe-headers.ts'
import { deadLetterRoutes } from './dead-letter-routes.ts'
import type { ApiDeps } from './deps.ts'
import { engineRoutes } from './engine-routes.ts'
import { jobRoutes } from './job-routes.ts'
import { answerJson } from './json-answer.ts'
import { logRoutes } from './log-routes.ts'
import { pageRoutes } from './page-routes.ts'
import { readParams } from './param.ts'
import { patternOf, type Route } from './route.ts'
import { runtimeRoutes } from './runtime-routes.ts'
import { streamRoutes } from './stream-route.ts'

/** Every route of this folder; the router and the OpenAPI document are made of the same list. */
export function apiRoutes(deps: ApiDeps): Route[] {
  // A job's parts stand before the job itself, whose pattern takes their names for ends of its id.
  const data = [logRoutes, jobRoutes, engineRoutes, streamRoutes, deadLetterRoutes, runtimeRoutes].flatMap((routes) =>
    routes(deps),
  )
  return [...data, ...pageRoutes(deps, data)]
}

/** The routes alone; errors are left to the app. */
function apiRouter(deps: ApiDeps): Router {
  const router = express.Router({ caseSensitive: true, strict: true })
  const routes = apiRoutes(deps)
  const paths = [...new Set(routes.map((route) => route.path))]
  for (const path of paths) {
    const own = routes.filter((route) => route.path === path)
    for (const route of own) router[route.method](patternOf(path), handlerOf(route, deps))
    router.all(patternOf(path), refuseMethod(own))
  }
  return router
}

/** The whole Express app: headers, routes, those of other parts, and an answer in JSON to everything else. */
export function createApp(deps: ApiDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('trust proxy', false)
  app.use(keepRequestId, safeHeaders())
  app.use(apiRouter(deps))
  for (const router of deps.moreRouters ?? []) app.use(router)
  app.use(answerNotFound, answerErrors(deps.onFault))
  return app
}

function handlerOf(route: Route, { access }: ApiDeps): RequestHandler {
  return async (request, response) => {
    const reach = route.role === 'open' ? new Set<string>() : access(request, route.role).namespaces
    const query = readParams(request, route.query)
    const path = request.params as Readonly<Record<string, string>>
    if (route.role !== 'open') response.setHeader('cache-control', 'no-store')
    const body = await route.answerTo({ request, response, reach, path, query })
    if (body !== undefined) await answerJson(request, response, body)
  }
}

function refuseMethod(routes: readonly Route[]): RequestHandler {
  const methods = routes.map((route) => route.method.toUpperCase())
  const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods
  return (_request, response) => {
    response.setHeader('allow', allowed.join(', '))
    throw new ScopeError('METHOD_NOT_ALLOWED')
  }
}
