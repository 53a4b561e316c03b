import { ScopeError } from '../../errors.ts'
import type { MemberRoute } from '../http/member-app.ts'
import type { Algorithm } from '../model/algorithm.ts'
import { readEvent } from '../model/event.ts'
import type { Dispatchers } from './dispatchers.ts'
import type { EventBook } from './event-book.ts'

export type AgentDeps = {
  readonly agent: string
  readonly incarnation: string
  readonly algorithm: Algorithm
  readonly capacity: number
  readonly events: EventBook
  readonly dispatchers: Dispatchers
  /** `draining` once it stops: nothing new is taken. */
  readonly state: () => 'live' | 'draining'
}

/** The routes of an agent. */
export function agentRoutes(deps: AgentDeps): MemberRoute[] {
  const { agent, incarnation, algorithm, capacity, events } = deps
  return [
    {
      method: 'get',
      path: '/agent/algorithm',
      role: 'read',
      summary: 'What this agent offers.',
      answer: () => ({ status: 200, body: algorithm }),
    },
    {
      method: 'get',
      path: '/agent/status',
      role: 'read',
      summary: 'How the agent is, and what it runs.',
      answer: () => {
        const { key } = algorithm
        const counts = { running: events.running, capacity, events: events.list() }
        return { status: 200, body: { agent, algorithm: key, incarnation, state: deps.state(), ...counts } }
      },
    },
    {
      method: 'post',
      path: '/agent/events',
      isHot: true,
      role: 'report',
      summary: 'Takes an event and runs it; the result is sent to its replyTo.',
      answer: async ({ body }) => ({ status: 202, body: { eventId: await takeEvent(deps, body) } }),
    },
    {
      method: 'delete',
      path: '/agent/events/:eventId',
      role: 'report',
      summary: 'Stops the run of an event, for whoever has its process.',
      answer: ({ path: { eventId = '' }, query: { fence } }) => {
        if (!events.cancel(eventId, fence === undefined ? Number.NaN : Number(fence))) throw new ScopeError('NOT_FOUND')
        return { status: 202, body: { eventId } }
      },
    },
  ]
}

async function takeEvent({ algorithm, events, dispatchers, state }: AgentDeps, body: unknown): Promise<string> {
  const event = readEvent(body)
  if (event.algKey !== algorithm.key) {
    throw new ScopeError('REQUEST_INVALID', `this agent offers ${algorithm.key}`, { path: 'algKey' })
  }
  // An event that runs already is answered alike, also while the agent leaves.
  if (!events.knows(event)) {
    if (state() !== 'live') throw new ScopeError('SHUTTING_DOWN', 'The agent is leaving.', { retryAfterSeconds: 1 })
    if (!(await dispatchers.isAddress(event.replyTo))) {
      throw new ScopeError('REQUEST_INVALID', 'is no address of a live dispatcher', { path: 'replyTo' })
    }
  }
  events.take(event)
  return event.eventId
}
