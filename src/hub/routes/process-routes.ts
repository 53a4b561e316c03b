import { ScopeError } from '../../errors.ts'
import type { MemberRoute } from '../http/member-app.ts'
import { readCheck } from '../model/check-log.ts'
import { Part } from '../model/part.ts'
import type { ProcessView } from '../model/process.ts'
import type { HubApiDeps } from './deps.ts'
import { countOf } from './query.ts'
import { readUpdate } from './update-body.ts'

/** Reasons of a DENY that dispatchers of ours have; others count as `other`. */
const denyReasons = ['no_agent', 'no_capacity'] as const

const queueShownMax = 10_000

/** The queue, and each process with all its parts. */
export function processRoutes(deps: HubApiDeps): MemberRoute[] {
  return [...readingRoutes(deps), ...decidingRoutes(deps)]
}

async function known({ queries }: HubApiDeps, key: string | undefined): Promise<ProcessView> {
  const process = await queries.process(key ?? '')
  if (process === undefined) throw new ScopeError('PROCESS_UNKNOWN')
  return process
}

/** 200 with what there is, 404 with its code where there is nothing. */
function found(body: unknown, code: 'PROCESS_UNKNOWN' | 'NOT_FOUND' = 'PROCESS_UNKNOWN') {
  if (body === undefined) throw new ScopeError(code)
  return { status: 200, body }
}

function readingRoutes(deps: HubApiDeps): MemberRoute[] {
  const { queries } = deps
  const path = '/hub/processes/:key'
  const read = (
    part: string,
    summary: string,
    answer: (key: string) => Promise<{ status: number; body: unknown }>,
  ): MemberRoute => ({
    method: 'get',
    path: `${path}${part}`,
    role: 'read',
    summary,
    answer: ({ path: { key } }) => answer(key ?? ''),
  })
  return [
    {
      method: 'get',
      path: '/hub/queue',
      role: 'read',
      summary: 'Processes that wait, oldest first.',
      answer: async ({ query }) => {
        const { entries } = await queries.queue(countOf(query, 'limit', 1_000, queueShownMax))
        return { status: 200, body: entries }
      },
    },
    read('', 'A process.', async (key) => ({ status: 200, body: await known(deps, key) })),
    read('/data', 'The data that a process was started with.', async (key) => found(await queries.data(key))),
    read('/flow', 'The flow of a process; 404 after an ad hoc run has ended.', async (key) => {
      await known(deps, key)
      return found(await queries.flow(key), 'NOT_FOUND')
    }),
    read('/result', 'What came of a process, as far as it has come.', async (key) => found(await queries.result(key))),
    read('/checklogs', 'What dispatchers decided on a process.', async (key) => {
      await known(deps, key)
      return { status: 200, body: await queries.checkLogs(key) }
    }),
  ]
}

function decidingRoutes({ store, onEnded }: HubApiDeps): MemberRoute[] {
  const path = '/hub/processes/:key'
  return [
    {
      method: 'delete',
      path,
      role: 'admin',
      summary: 'Cancels a process, waiting or running.',
      answer: async ({ path: { key } }) => {
        await store.cancel(key ?? '', undefined)
        onEnded()
        return { status: 204 }
      },
    },
    {
      method: 'post',
      path: `${path}/checklogs`,
      role: 'admin',
      summary: 'A decision of a dispatcher: ACCEPT, for exactly one, or DENY.',
      answer: async ({ path: { key }, body }) => {
        const check = readCheck(body)
        const given = new Part(body, '', 'REQUEST_INVALID').field('reason').value
        const fence = await store.decide(key ?? '', check, denyReasons.find((reason) => reason === given) ?? 'other')
        return { status: 204, ...(fence === undefined ? {} : { headers: { 'enginescope-fence': String(fence) } }) }
      },
    },
    {
      method: 'post',
      path: `${path}/updates`,
      role: 'admin',
      summary: 'All that a dispatcher writes of a process that it has: lease, nodes, lines, end.',
      answer: async ({ path: { key }, body }) => {
        await store.update(key ?? '', readUpdate(body))
        return { status: 204 }
      },
    },
  ]
}
