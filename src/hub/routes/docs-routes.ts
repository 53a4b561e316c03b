import { docsPage } from '../../http/docs-page.ts'
import { type DescribedRoute, type OpenApiDocument, openApiOf, pathsOf } from '../../http/openapi.ts'
import { pageStyle } from '../../http/page-style.ts'
import type { MemberRoute } from '../http/member-app.ts'
import { describedRoutes } from './described.ts'
import { hubSchemas } from './hub-schemas.ts'

const pathParts = { key: 'Key of the flow or of the process.', process: 'Key of the process.' }
const accessCodes = [
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'ROLE_MISSING',
  'NAMESPACE_FORBIDDEN',
  'RATE_LIMITED',
  'REDIS_UNAVAILABLE',
  'STORE_FAILED',
]
const links = { openapi: '/hub/openapi.json', style: '/hub/docs/style.css' }

/** The description of these routes and of its own, as OpenAPI and as a page; neither shows anything of anybody's processes. */
export function docsRoutes(others: readonly MemberRoute[], version: string): MemberRoute[] {
  const open = { method: 'get', role: 'open' } as const
  let made: OpenApiDocument | undefined
  const document = () => {
    made ??= hubDocument([...others, ...routes], version)
    return made
  }
  const routes: MemberRoute[] = [
    {
      ...open,
      path: links.openapi,
      summary: 'This description, OpenAPI 3.1.',
      answer: () => ({ status: 200, body: document() }),
    },
    {
      ...open,
      path: '/hub/docs',
      summary: 'This description as a page.',
      answer: () => textOf('text/html; charset=utf-8', docsPage(document(), links).html),
    },
    {
      ...open,
      path: links.style,
      summary: 'Style sheet of the page.',
      answer: () => ({ ...textOf('text/css; charset=utf-8', pageStyle), headers: { 'cache-control': 'max-age=3600' } }),
    },
  ]
  return routes
}

function textOf(type: string, content: string) {
  return { status: 200, text: { type, content } }
}

function hubDocument(routes: readonly MemberRoute[], version: string): OpenApiDocument {
  return openApiOf(
    {
      title: 'EngineHub',
      version,
      description: 'Flows on agents: what is submitted waits in a queue until a dispatcher runs it.',
    },
    pathsOf(routes.map(describedOf), { pathParts, accessCodes }),
    hubSchemas,
  )
}

/** @throws when the table has no row for it, which its test sees to */
function describedOf({ method, path, role, summary }: MemberRoute): DescribedRoute {
  const asWritten = path.replace(/:(\w+)/g, '{$1}')
  const about = describedRoutes[`${method.toUpperCase()} ${asWritten}`]
  if (about === undefined) throw new Error(`${method} ${path} is not described`)
  return { statuses: [200], codes: [], query: {}, ...about, method, path: asWritten, role, summary: summary.replace(/\.$/, '') }
}
