import type { ApiDeps } from './deps.ts'
import { cursorParam, textParam } from './param.ts'
import { type Route, route } from './route.ts'

const defaultNamespace = 'default'

/** The event stream: what changes, as it changes. */
export function streamRoutes({ live }: ApiDeps): Route[] {
  return [
    route({
      path: '/api/v1/stream',
      role: 'read',
      tag: 'Live',
      summary:
        'Server-Sent Events: `job` (JobSummary), `engine` (EngineSummary), `log` (lines of the one job asked for), `job-gone` and `engine-gone`',
      query: {
        namespace: textParam('Only this namespace.'),
        jobId: textParam('Only this job, of `namespace` or else of `default`; with its log lines.'),
        after: cursorParam('`resumeCursor` of the log: lines begin behind it. Absent = lines from now on.'),
      },
      answer: { contentType: 'text/event-stream' },
      codes: ['BUSY'],
      answerTo: ({ response, reach, query: { namespace, jobId, after } }) => {
        const asked = jobId === undefined ? namespace : (namespace ?? defaultNamespace)
        live.open(response, { reach, namespace: asked, jobId, after })
      },
    }),
  ]
}
