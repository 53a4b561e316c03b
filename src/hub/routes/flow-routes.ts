import { randomUUID } from 'node:crypto'
import { ScopeError } from '../../errors.ts'
import type { Asked, MemberRoute } from '../http/member-app.ts'
import { algorithmsOf, type Flow, readFlow } from '../model/flow.ts'
import { Part } from '../model/part.ts'
import type { HubApiDeps } from './deps.ts'
import { countOf } from './query.ts'
import { readAdhoc, readStart, type Start } from './submission.ts'

const flowsShownMax = 1_000

/** Flows, ad hoc and deployed, and their runs. */
export function flowRoutes(deps: HubApiDeps): MemberRoute[] {
  return [...adhocRoutes(deps), ...deployedRoutes(deps), ...runRoutes(deps)]
}

/** Puts a process into the queue and answers with where it stands. */
async function submit(deps: HubApiDeps, flowKey: string | undefined, flow: Flow, { data, clientKey }: Start) {
  const { key, status, isNew } = await deps.store.submit({ flowKey, flow, data, clientKey })
  if (isNew) deps.onSubmitted({ key, isAdhoc: flowKey === undefined }, flow)
  return { status: isNew ? 201 : 200, body: { key, status, algorithms: algorithmsOf(flow) } }
}

/** The process, if it is a run of this flow; null = of an ad hoc one. */
async function runOf({ queries }: HubApiDeps, key: string | undefined, flowKey: string | null) {
  const process = await queries.process(key ?? '')
  if (process === undefined || process.flowKey !== flowKey) throw new ScopeError('PROCESS_UNKNOWN')
  return { status: 200, body: process }
}

async function cancel({ store, onEnded }: HubApiDeps, key: string | undefined, flowKey: string | null) {
  await store.cancel(key ?? '', flowKey)
  onEnded()
  return { status: 204 }
}

function adhocRoutes(deps: HubApiDeps): MemberRoute[] {
  const path = '/hub/adhoc/:key'
  return [
    {
      method: 'post',
      path: '/hub/adhoc',
      isHot: true,
      role: 'admin',
      summary: 'Runs a flow once; the flow goes with the run, its result stays for the retention.',
      answer: ({ body, headers }) => {
        const { flow, ...start } = readAdhoc(body, headers)
        return submit(deps, undefined, flow, start)
      },
    },
    {
      method: 'get',
      path,
      role: 'read',
      summary: 'The run of an ad hoc flow.',
      answer: ({ path: { key } }) => runOf(deps, key, null),
    },
    {
      method: 'delete',
      path,
      role: 'admin',
      summary: 'Cancels the run of an ad hoc flow.',
      answer: ({ path: { key } }) => cancel(deps, key, null),
    },
  ]
}

async function knownFlow({ flows }: HubApiDeps, { path }: Asked): Promise<{ key: string; source: unknown }> {
  const key = path['key'] ?? ''
  const source = await flows.get(key)
  if (source === undefined) throw new ScopeError('FLOW_UNKNOWN')
  return { key, source }
}

function deployedRoutes(deps: HubApiDeps): MemberRoute[] {
  const path = '/hub/flow/:key'
  return [
    {
      method: 'get',
      path: '/hub/flow',
      role: 'read',
      summary: 'Deployed flows by key; `limit` of them, from the first after the key `after`.',
      answer: async ({ query }) => ({
        status: 200,
        body: await deps.flows.list(countOf(query, 'limit', 100, flowsShownMax), query['after']),
      }),
    },
    {
      method: 'post',
      path: '/hub/flow',
      role: 'admin',
      summary: 'Deploys a flow; the same again is answered with 200, another under its key with 409.',
      answer: async ({ body }) => {
        const flow = readFlow(flowIn(body), '')
        const key = flow.key ?? `f-${randomUUID()}`
        const isNew = await deps.flows.deploy(key, flow)
        return { status: isNew ? 201 : 200, body: await deps.flows.get(key) }
      },
    },
    {
      method: 'get',
      path,
      role: 'read',
      summary: 'A deployed flow as it was written.',
      answer: async (asked) => ({ status: 200, body: (await knownFlow(deps, asked)).source }),
    },
    {
      method: 'delete',
      path,
      role: 'admin',
      summary: 'Removes a deployed flow; runs in progress keep their copy.',
      answer: async ({ path: { key } }) => {
        if (!(await deps.flows.remove(key ?? ''))) throw new ScopeError('FLOW_UNKNOWN')
        return { status: 204 }
      },
    },
  ]
}

/** A flow alone, or wrapped as in `POST /hub/adhoc`. */
function flowIn(body: unknown): unknown {
  const part = new Part(body, '', 'FLOW_INVALID')
  return part.field('processers').isAbsent && !part.field('flow').isAbsent ? part.field('flow').value : body
}

const runsShownMax = 1_000

function runRoutes(deps: HubApiDeps): MemberRoute[] {
  const path = '/hub/flow/:key/processes'
  return [
    {
      method: 'get',
      path,
      role: 'read',
      summary: 'Runs of a deployed flow, newest first.',
      answer: async (asked) => {
        const { key } = await knownFlow(deps, asked)
        return { status: 200, body: await deps.queries.runs(key, countOf(asked.query, 'limit', 100, runsShownMax)) }
      },
    },
    {
      method: 'post',
      path,
      role: 'admin',
      summary: 'Starts a run of a deployed flow.',
      answer: async (asked) => {
        const { key, source } = await knownFlow(deps, asked)
        return submit(deps, key, readFlow(source, 'flow'), readStart(asked.body, asked.headers))
      },
    },
    {
      method: 'get',
      path: `${path}/:process`,
      role: 'read',
      summary: 'A run of a deployed flow.',
      answer: ({ path: parts }) => runOf(deps, parts['process'], parts['key'] ?? null),
    },
    {
      method: 'delete',
      path: `${path}/:process`,
      role: 'admin',
      summary: 'Cancels a run of a deployed flow.',
      answer: ({ path: parts }) => cancel(deps, parts['process'], parts['key'] ?? ''),
    },
  ]
}
