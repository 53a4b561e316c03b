/** One try of one node: finds an agent, sends the event, waits for what comes of it. */

import type { MemberAnswer } from '../http/member-answer.ts'
import type { NodeEvent } from '../model/event.ts'
import type { MemberView } from '../registry/member.ts'
import type { NodeRun, OpenEvent, Settled } from './node-run.ts'
import type { ProcessHold } from './process-hold.ts'
import type { RunDeps } from './run-deps.ts'

const lookEveryMs = 1_000
const fullLookMs = 200

/** @throws when the process is not this dispatcher's (any more) */
export async function sendNode(hold: ProcessHold, run: NodeRun, deps: RunDeps): Promise<void> {
  const { agent, over } = run.prepared ?? (await place(hold, run, deps)) ?? {}
  run.prepared = undefined
  if (agent === undefined || over === undefined) return
  deps.onSent(hold.claim.key, hold.graph, run)
  try {
    await tryOn(agent, hold, run, deps)
  } finally {
    over(run.record.status !== 'WAITING' || run.record.agent !== null)
  }
}

/** Finds an agent and writes that it has the node, before it is sent: whoever takes over sends the same event to the same agent. */
async function place(hold: ProcessHold, run: NodeRun, deps: RunDeps): Promise<NodeRun['prepared']> {
  const agent = await findAgent(hold, run, deps)
  if (agent === undefined) {
    if (!hold.signal.aborted) {
      await hold.failTry(run, { code: 'AGENT_LOST', message: `no live agent for ${run.node.algKey}` }, null)
    }
    return undefined
  }
  const record = run.sentTo(agent.id)
  const over = deps.agents.begin(agent)
  try {
    await hold.writeSurely({ [run.node.id]: record })
  } catch (error) {
    over(false)
    throw error
  }
  run.record = record
  return { agent, over }
}

/** Undefined when no live agent came in time, or the process is over. */
async function findAgent(hold: ProcessHold, run: NodeRun, deps: RunDeps): Promise<MemberView | undefined> {
  const { agents, agentWaitMs } = deps
  const before = holderBefore(run, deps)
  if (before !== undefined) return before
  let aloneSinceMs = performance.now()
  while (!hold.signal.aborted) {
    const { agent, isAnyLive, againMs } = agents.pick(run.node.algKey, run.tried)
    if (agent !== undefined) return agent
    if (isAnyLive) aloneSinceMs = performance.now()
    else if (performance.now() - aloneSinceMs >= agentWaitMs) return undefined
    await agents.placed(Math.min(isAnyLive ? Math.min(fullLookMs, againMs + 1) : lookEveryMs, agentWaitMs))
  }
  return undefined
}

/** The agent that another dispatcher had sent it to. */
function holderBefore(run: NodeRun, { agents }: RunDeps): MemberView | undefined {
  if (!run.isResumed) return undefined
  run.isResumed = false
  return run.record.agent === null ? undefined : agents.find(run.record.agent)
}

async function tryOn(agent: MemberView, hold: ProcessHold, run: NodeRun, deps: RunDeps): Promise<void> {
  const deadlineMs = Date.now() + deps.nodeDeadlineMs
  const { event, settled } = openEvent(agent, hold, run, deadlineMs)
  run.event = event
  try {
    const answer = await post(event, hold, run, deps)
    if (answer !== undefined && answer.status === 429) {
      // No try: the node waits again, for another agent first.
      deps.agents.leaveAlone(agent, answer.retryAfterMs ?? 0)
      const record = { ...run.record, status: 'WAITING', agent: null, attempt: run.failures } as const
      await hold.writeSurely({ [run.node.id]: record })
      run.record = record
      return
    }
    const refusal = refusalOf(answer, agent)
    // The result may have come before the answer to the event did.
    if (refusal !== undefined && event.isTaking === false && run.record.status === 'RUNNING') {
      await hold.failTry(run, refusal, agent.id)
      return
    }
    const end = await Promise.race([settled, watched(event, hold, deps)])
    if (end.kind === 'failed') await hold.failTry(run, end.error, agent.id)
  } finally {
    event.isOver = true
    run.event = undefined
  }
}

function openEvent(
  agent: MemberView,
  { claim }: ProcessHold,
  run: NodeRun,
  deadlineMs: number,
): { event: OpenEvent; settled: Promise<Settled> } {
  let settle: (settled: Settled) => void = () => undefined
  const settled = new Promise<Settled>((resolve) => {
    settle = resolve
  })
  const eventId = `${claim.key}/${run.node.id}/${run.record.attempt}`
  return { event: { eventId, agent, deadlineMs, sentAtMs: performance.now(), settle, isTaking: false, isOver: false }, settled }
}

/** Undefined when no answer came. */
async function post(
  { eventId, agent, deadlineMs }: OpenEvent,
  hold: ProcessHold,
  run: NodeRun,
  deps: RunDeps,
): Promise<MemberAnswer | undefined> {
  const event: NodeEvent = {
    eventId,
    processKey: hold.claim.key,
    node: run.node.id,
    attempt: run.record.attempt,
    fence: hold.claim.fence,
    algKey: run.node.algKey,
    model: run.node.model,
    input: hold.graph.inputOf(run),
    replyTo: deps.replyTo(),
    deadline: deadlineMs,
  }
  if (!hold.isHeld) return undefined
  try {
    return await deps.client.post(`${agent.url}/agent/events`, event)
  } catch {
    return undefined
  }
}

/** Why an event was not taken; undefined when it was. */
function refusalOf(answer: MemberAnswer | undefined, { id }: MemberView): { code: string; message: string } | undefined {
  if (answer === undefined) return { code: 'AGENT_LOST', message: `${id} does not answer` }
  if (answer.status >= 200 && answer.status < 300) return undefined
  return { code: 'AGENT_REFUSED', message: `${id} answered ${answer.status}${detailOf(answer.body)}` }
}

function detailOf(body: unknown): string {
  const error =
    typeof body === 'object' && body !== null && 'error' in body ? (body.error as { message?: unknown } | null) : undefined
  return typeof error?.message === 'string' ? `: ${error.message.slice(0, 300)}` : ''
}

/** Ends the wait for a result that will not come: time is up, or the agent is lost. A result that is being written goes first. */
async function watched(event: OpenEvent, hold: ProcessHold, deps: RunDeps): Promise<Settled> {
  while (!event.isOver && !hold.signal.aborted) {
    const error = await hopelessness(event, deps)
    if (error !== undefined && !event.isTaking) return { kind: 'failed', error }
    await deps.agents.news(Math.max(1, Math.min(lookEveryMs, event.deadlineMs - Date.now())))
  }
  return { kind: 'abandoned' }
}

async function hopelessness(event: OpenEvent, deps: RunDeps): Promise<{ code: string; message: string } | undefined> {
  const { id } = event.agent
  if (Date.now() >= event.deadlineMs)
    return { code: 'NODE_TIMEOUT', message: `no result of ${id} within ${deps.nodeDeadlineMs} ms` }
  return (await isLost(event, deps)) ? { code: 'AGENT_LOST', message: `${id} is lost` } : undefined
}

/** One that has left may still end what it has: it is asked. */
async function isLost({ agent, eventId }: OpenEvent, { agents, client }: RunDeps): Promise<boolean> {
  const fate = agents.fateOf(agent)
  if (fate !== 'gone') return fate === 'lost'
  try {
    const { status, body } = await client.get(`${agent.url}/agent/status`)
    const events = status === 200 && typeof body === 'object' && body !== null && 'events' in body ? body.events : []
    const ids = Array.isArray(events)
      ? events.map((one: unknown) => (typeof one === 'object' && one !== null && 'eventId' in one ? one.eventId : undefined))
      : []
    return !ids.includes(eventId)
  } catch {
    return true
  }
}
