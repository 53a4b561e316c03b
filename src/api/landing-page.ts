import { type Html, html } from '../http/html.ts'
import { page } from '../http/page.ts'
import type { ApiDeps } from './deps.ts'

const ownLinks = [
  { href: '/metrics', name: 'Metrics', about: 'The series, as Prometheus scrapes them' },
  { href: '/api/v1/jobs', name: 'Jobs', about: 'Newest first, as JSON' },
  { href: '/api/v1/engines', name: 'Engines', about: 'Live, suspect and lost' },
  { href: '/api/docs', name: 'API', about: 'Every route, its arguments and answers' },
  { href: '/-/ready', name: 'Readiness', about: 'And why not, if not' },
]

/** Where the style sheet of the pages is. */
export const docsStylePath = '/api/docs/style.css'

/** The page at `/`: what this is, how it is, where to go. @param host as the browser named it */
export function landingPage(
  { version, readiness, links }: Pick<ApiDeps, 'version' | 'readiness' | 'links'>,
  host: string | undefined,
): Html {
  const { ready } = readiness()
  // It is to be pasted into a shell: nothing but an address goes in.
  const address = /^[\w.:[\]-]{1,255}$/.test(host ?? '') ? host : '127.0.0.1:7717'
  const cards = [...(links ?? []), ...ownLinks].map(
    (link) => html`<li><a href="${link.href}"><strong>${link.name}</strong><span>${link.about}</span></a></li>`,
  )
  return page(
    'Enginescope',
    docsStylePath,
    html`<h1>Enginescope</h1>
<p class="faint">What compute engines do: one report per task becomes live job state, Prometheus series and Loki logs.</p>
<span class="pill ${ready ? 'ok' : 'bad'}">${ready ? 'ready' : 'not ready'}</span> <span class="faint">version ${version}</span>
<ul class="cards">${cards}</ul>
<h2>Report a task</h2>
<pre><code>curl -H 'content-type: application/json' http://${address}/api/v1/reports -d '
  {"jobId":"hello","execId":"1","status":"Running","progress":0.5,"engine":{"instance":"my-engine:1"}}'</code></pre>`,
  )
}
