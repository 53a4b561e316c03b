import { docsPage } from '../http/docs-page.ts'
import type { OpenApiDocument } from '../http/openapi.ts'
import { pageStyle } from '../http/page-style.ts'
import type { ApiDeps } from './deps.ts'
import { docsStylePath, landingPage } from './landing-page.ts'
import { openApiDocument } from './openapi.ts'
import { type Route, route } from './route.ts'

const links = { openapi: '/api/v1/openapi.json', style: docsStylePath, home: '/' }

/** The description of the API, the pages for people, and how the process is. They show nothing of anybody's jobs. */
export function pageRoutes(deps: ApiDeps, others: readonly Route[]): Route[] {
  const open = { role: 'open', tag: 'Service' } as const
  const routes: Route[] = [
    route({
      ...open,
      path: links.openapi,
      summary: 'This description, OpenAPI 3.1',
      answer: { schema: { type: 'object' } },
      answerTo: () => document(),
    }),
    route({
      ...open,
      path: '/api/docs',
      summary: 'This description as a page',
      answer: { contentType: 'text/html' },
      answerTo: ({ response }) => void response.type('html').send(docsPage(document(), links).html),
    }),
    route({
      ...open,
      path: links.style,
      summary: 'Style sheet of the pages',
      answer: { contentType: 'text/css' },
      answerTo: ({ response }) => void response.type('css').setHeader('cache-control', 'max-age=3600').send(pageStyle),
    }),
    route({
      ...open,
      path: '/',
      summary: 'Landing page',
      answer: { contentType: 'text/html' },
      answerTo: ({ request, response }) => void response.type('html').send(landingPage(deps, request.headers.host).html),
    }),
    ...healthRoutes(deps),
  ]
  let made: OpenApiDocument | undefined
  const document = () => {
    made ??= openApiDocument([...others, ...routes], deps)
    return made
  }
  return routes
}

function healthRoutes({ access, readiness }: ApiDeps): Route[] {
  const open = { role: 'open', tag: 'Service', codes: [] } as const
  return [
    route({
      ...open,
      path: '/-/healthy',
      summary: 'The process is alive; looks at nothing else',
      answer: { schema: { type: 'object', properties: { healthy: { const: true } } } },
      answerTo: () => ({ healthy: true }),
    }),
    route({
      ...open,
      path: '/-/ready',
      summary: 'Whether it can do its work: 503 with the reasons if not (reasons only for callers with a token)',
      answer: {
        schema: {
          type: 'object',
          properties: { ready: { type: 'boolean' }, reasons: { type: 'array', items: { type: 'string' } } },
        },
      },
      answerTo: ({ request, response }) => {
        const { ready, reasons } = readiness()
        const said = isKnown(() => access(request, 'read')) ? { ready, reasons } : { ready }
        response.status(ready ? 200 : 503)
        return said
      },
    }),
  ]
}

function isKnown(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    // Whoever has no token is told less; that is all there is to do here.
    return false
  }
}
