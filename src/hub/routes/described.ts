/** What the description of the hub's API says of each route beyond what the route says itself. */
import type { DescribedRoute } from '../../http/openapi.ts'
import { listOf, ref } from '../../http/schema-parts.ts'

/** Of one route; a 200 with no body where nothing else is said. */
export type RouteAbout = Pick<DescribedRoute, 'tag' | 'answer'> &
  Partial<Pick<DescribedRoute, 'statuses' | 'body' | 'codes' | 'query'>>

const flows = 'Flows'
const processes = 'Processes'
const dispatching = 'Dispatching'
const members = 'Members'
const service = 'Service'

const object = { schema: { type: 'object' } }
const one = (name: string) => ({ schema: ref(name) })
const many = (name: string) => ({ schema: listOf(ref(name)) })

const bodyCodes = [
  'BODY_EMPTY',
  'BODY_NOT_JSON',
  'BODY_NOT_UTF8',
  'BODY_TOO_LARGE',
  'CONTENT_TYPE_UNSUPPORTED',
  'ENCODING_UNSUPPORTED',
  'ENCODING_CORRUPT',
]

const limit = (byDefault: number, maximum: number) => ({
  limit: { about: 'How many at most.', schema: { type: 'integer', minimum: 1, maximum, default: byDefault } },
})

const unknownProcess = { tag: processes, codes: ['PROCESS_UNKNOWN'] }
const cancelled = {
  tag: processes,
  answer: 'nothing',
  statuses: [204],
  codes: ['PROCESS_UNKNOWN', 'PROCESS_FINISHED'],
} as const
const submission = {
  tag: flows,
  answer: one('Submitted'),
  statuses: [200, 201],
} as const
const submissionCodes = [...bodyCodes, 'FLOW_INVALID', 'CLIENT_KEY_REUSED', 'BUSY']

/** One row per route, by its method and path. */
export const describedRoutes: Readonly<Record<string, RouteAbout>> = {
  'GET /hub/algorithms': {
    tag: members,
    answer: many('Offer'),
    query: { catalog: { about: 'Path of the catalogue that it must lie under.', schema: { type: 'string' } } },
  },
  'GET /hub/members': { tag: members, answer: many('Member') },
  'GET /hub/discovery/prometheus': { tag: members, answer: one('PrometheusTargets') },
  'POST /hub/adhoc': { ...submission, body: ref('AdhocRequest'), codes: submissionCodes },
  'GET /hub/adhoc/{key}': { ...unknownProcess, answer: one('Process') },
  'DELETE /hub/adhoc/{key}': cancelled,
  'GET /hub/flow': {
    tag: flows,
    answer: many('Flow'),
    query: { ...limit(100, 1_000), after: { about: 'Key that the first one comes after.', schema: { type: 'string' } } },
  },
  'POST /hub/flow': {
    tag: flows,
    answer: one('Flow'),
    statuses: [200, 201],
    body: ref('Flow'),
    codes: [...bodyCodes, 'FLOW_INVALID', 'FLOW_EXISTS', 'BUSY'],
  },
  'GET /hub/flow/{key}': { tag: flows, answer: one('Flow'), codes: ['FLOW_UNKNOWN'] },
  'DELETE /hub/flow/{key}': { tag: flows, answer: 'nothing', statuses: [204], codes: ['FLOW_UNKNOWN'] },
  'GET /hub/flow/{key}/processes': {
    tag: flows,
    answer: many('Process'),
    query: limit(100, 1_000),
    codes: ['FLOW_UNKNOWN'],
  },
  'POST /hub/flow/{key}/processes': {
    ...submission,
    body: ref('StartRequest'),
    codes: [...submissionCodes, 'FLOW_UNKNOWN'],
  },
  'GET /hub/flow/{key}/processes/{process}': { ...unknownProcess, answer: one('Process') },
  'DELETE /hub/flow/{key}/processes/{process}': cancelled,
  'GET /hub/queue': { tag: processes, answer: many('QueueEntry'), query: limit(1_000, 10_000) },
  'GET /hub/processes/{key}': { ...unknownProcess, answer: one('Process') },
  'GET /hub/processes/{key}/data': { ...unknownProcess, answer: one('Table') },
  'GET /hub/processes/{key}/flow': { tag: processes, answer: one('Flow'), codes: ['PROCESS_UNKNOWN', 'NOT_FOUND'] },
  'GET /hub/processes/{key}/result': { ...unknownProcess, answer: one('Result') },
  'GET /hub/processes/{key}/checklogs': { ...unknownProcess, answer: many('CheckLog') },
  'DELETE /hub/processes/{key}': cancelled,
  'POST /hub/processes/{key}/checklogs': {
    tag: dispatching,
    answer: 'nothing',
    statuses: [204],
    body: ref('CheckRequest'),
    codes: [...bodyCodes, 'PROCESS_UNKNOWN', 'PROCESS_NOT_PENDING'],
  },
  'POST /hub/processes/{key}/updates': {
    tag: dispatching,
    answer: 'nothing',
    statuses: [204],
    body: ref('UpdateRequest'),
    codes: [...bodyCodes, 'PROCESS_UNKNOWN', 'FENCE_STALE', 'PROCESS_FINISHED'],
  },
  'GET /metrics': { tag: service, answer: { contentType: 'text/plain' } },
  'GET /-/healthy': { tag: service, answer: object },
  'GET /-/ready': { tag: service, answer: object, statuses: [200, 503] },
  'GET /hub/openapi.json': { tag: service, answer: object },
  'GET /hub/docs': { tag: service, answer: { contentType: 'text/html' } },
  'GET /hub/docs/style.css': { tag: service, answer: { contentType: 'text/css' } },
}
