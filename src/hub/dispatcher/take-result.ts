/** What becomes of a result: it is checked, and written together with whatever follows from it. */
import { ScopeError } from '../../errors.ts'
import { type NodeResult, type ResultAddress, readResult } from '../model/event.ts'
import type { Outcome } from '../model/process.ts'
import type { NodeRecord, Update } from '../store/hub-store.ts'
import type { Agents } from './agents.ts'
import type { NodeRun } from './node-run.ts'
import type { ProcessGraph } from './process-graph.ts'
import type { ProcessHold } from './process-hold.ts'
import type { RunDeps } from './run-deps.ts'

/**
 * Takes a result. It is written before this resolves, so that its agent may forget it.
 * @param onFinished called when the end of the process was written together with the result
 * @throws ScopeError FENCE_STALE when it is not waited for, REQUEST_INVALID when it is unusable, REDIS_UNAVAILABLE
 */
export async function takeResult(
  hold: ProcessHold,
  deps: RunDeps,
  address: ResultAddress,
  body: unknown,
  onFinished: (outcome: Outcome) => void,
): Promise<void> {
  const run = hold.graph.byEvent(address.eventId)
  const event = run?.event
  if (run === undefined || event === undefined || !hold.isHeld) throw new ScopeError('FENCE_STALE', 'The event is not open.')
  if (address.fence !== hold.claim.fence) throw new ScopeError('FENCE_STALE')
  if (address.agent !== event.agent.id) throw new ScopeError('FENCE_STALE', 'The event is another agent’s.', { path: 'agent' })
  if (event.isTaking) throw new ScopeError('BUSY', 'The result is being written.', { retryAfterSeconds: 1 })
  event.isTaking = true
  try {
    const outcome = await writeResult(hold, deps, run, event.sentAtMs, body)
    if (outcome !== undefined) onFinished(outcome)
  } finally {
    event.isTaking = false
  }
  event.settle({ kind: 'taken' })
}

/** @returns how the process ended, if that was written too */
async function writeResult(
  hold: ProcessHold,
  deps: RunDeps,
  run: NodeRun,
  sentAtMs: number,
  body: unknown,
): Promise<Outcome | undefined> {
  const { triesMax } = deps
  const agent = run.event?.agent.id ?? null
  try {
    const result = readResult(body)
    const logs = run.linesOf(result)
    if (result.ok) {
      const seconds = result.durationMs > 0 ? result.durationMs / 1_000 : (performance.now() - sentAtMs) / 1_000
      return await writeDone(hold, deps.agents, run, result, seconds, logs)
    }
    await writeFailure(hold, run, run.failed(result.error, result.retryable, triesMax, agent), logs)
    return undefined
  } catch (error) {
    const isUnusable = error instanceof ScopeError && (error.code === 'REQUEST_INVALID' || error.code === 'BODY_TOO_LARGE')
    if (!isUnusable) throw error
    const told = { code: 'RESULT_INVALID', message: `${error.path ?? ''} ${error.message}`.trim() }
    await writeFailure(hold, run, run.failed(told, true, triesMax, agent), [])
    run.event?.settle({ kind: 'taken' })
    throw error
  }
}

/** One write for the end of a node, the start of those that waited for it, and the end of the process where it is the last. */
async function writeDone(
  hold: ProcessHold,
  agents: Agents,
  run: NodeRun,
  result: NodeResult & { ok: true },
  seconds: number,
  logs: Update['logs'],
): Promise<Outcome | undefined> {
  const { graph } = hold
  const record = run.done(result.agent, result)
  const node = { ...record, output: result.output, ran: { algorithm: run.node.algKey, seconds } }
  const finish = graph.finishWith(run, record, result.output)
  const starts = prepareNext(graph, agents, run)
  const changes = [...starts].map(([next, change]) => [next.node.id, change] as const)
  try {
    await hold.update({ nodes: { [run.node.id]: node, ...Object.fromEntries(changes) }, logs, finish })
  } catch (error) {
    for (const next of starts.keys()) next.unprepare()
    throw error
  }
  graph.keepDone(run, record, result.output)
  for (const [next, change] of starts) next.record = change
  return finish?.outcome
}

/** Chooses agents for the nodes that can start once this one is done. Those for which none has room wait as before. */
function prepareNext(graph: ProcessGraph, agents: Agents, done: NodeRun): Map<NodeRun, NodeRecord> {
  const starts = new Map<NodeRun, NodeRecord>()
  for (const run of graph.startableAfter(done)) {
    const { agent } = agents.pick(run.node.algKey, run.tried)
    if (agent === undefined) continue
    run.prepared = { agent, over: agents.begin(agent) }
    starts.set(run, run.sentTo(agent.id))
  }
  return starts
}

async function writeFailure(hold: ProcessHold, run: NodeRun, record: NodeRecord, logs: Update['logs']): Promise<void> {
  await hold.update({ nodes: { [run.node.id]: record }, logs, finish: undefined })
  run.record = record
}
