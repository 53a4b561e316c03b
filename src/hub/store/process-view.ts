import type { NodeView, Outcome, ProcessStatus, ProcessView } from '../model/process.ts'
import type { NodeRecord } from './hub-store.ts'

type Fields = Readonly<Record<string, string | undefined>>

/** A process as it is shown, out of its two hashes; undefined when it is not there. */
export function viewOf(key: string, process: Fields, nodes: Fields): ProcessView | undefined {
  const { status, createdAt } = process
  if (status === undefined || createdAt === undefined) return undefined
  const ids = JSON.parse(process['nodeIds'] ?? '[]') as string[]
  const done = Number(process['done'] ?? 0)
  return {
    key,
    flowKey: process['flowKey'] || null,
    adhoc: process['adhoc'] === '1',
    algorithms: JSON.parse(process['algorithms'] ?? '[]') as string[],
    createdAt: Number(createdAt),
    status: status as ProcessStatus,
    outcome: (process['outcome'] as Outcome | undefined) ?? null,
    startedAt: numberOr(process['startedAt']),
    finishedAt: numberOr(process['finishedAt']),
    attempt: Number(process['attempt'] ?? 0),
    dispatcher: process['dispatcher'] ?? null,
    fence: numberOr(process['fence']),
    progress: ids.length === 0 ? 0 : done / ids.length,
    nodes: Object.fromEntries(ids.map((id) => [id, nodeView(nodes[id])])),
  }
}

function numberOr(text: string | undefined): number | null {
  return text === undefined ? null : Number(text)
}

function nodeView(json: string | undefined): NodeView {
  if (json === undefined) return { status: 'WAITING', agent: null, attempt: 0 }
  const { status, agent, attempt } = JSON.parse(json) as NodeRecord
  return { status, agent, attempt }
}
