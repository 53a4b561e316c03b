import { readData } from '../model/data.ts'
import { Part } from '../model/part.ts'
import { nodeStatuses, outcomes, type ProcessError, type ProcessLog } from '../model/process.ts'
import type { Finish, NodeChange, Update } from '../store/hub-store.ts'

const nodesMax = 1_000
const linesMax = 1_000
const listMax = 1_000
const textMax = 8_192
const lineMax = 65_536

/** Checks the body of `POST /hub/processes/{key}/updates`. @throws ScopeError REQUEST_INVALID */
export function readUpdate(body: unknown): Update {
  const part = new Part(body, '', 'REQUEST_INVALID')
  const nodes = part.field('nodes')
  const logs = part.field('logs')
  const finish = part.field('finish')
  return {
    checkerKey: part.field('checkerKey').id('the id of a dispatcher'),
    fence: part.field('fence').whole(1),
    renews: part.field('lease').flag(false),
    nodes: nodes.isAbsent ? {} : Object.fromEntries(nodes.entries(nodesMax).map(([id, node]) => [id, readNode(node)])),
    logs: logs.isAbsent ? [] : logs.items(linesMax).map(readLine),
    finish: finish.isAbsent ? undefined : readFinish(finish),
  }
}

function readNode(part: Part): NodeChange {
  const status = part.field('status').oneOf(nodeStatuses)
  const output = part.field('output')
  const attempt = part.field('attempt')
  return {
    status,
    agent: part.field('agent').idOr(null, 'the id of an agent'),
    attempt: attempt.isAbsent ? 0 : attempt.whole(0),
    ...(status === 'DONE' ? { output: output.isAbsent ? {} : readData(output) } : {}),
  }
}

function readLine(part: Part): ProcessLog {
  const [node, agent] = [part.field('node'), part.field('agent')]
  return {
    ts: part.field('ts').whole(0),
    level: part.field('level').textOr('INFO', textMax),
    line: part.field('line').text(lineMax),
    ...(node.isAbsent ? {} : { node: node.id('a node id') }),
    ...(agent.isAbsent ? {} : { agent: agent.id('the id of an agent') }),
  }
}

function readFinish(part: Part): Finish {
  const output = part.field('outputData')
  const errors = part.field('errors')
  const warnings = part.field('warnings')
  const outcome = part.field('outcome').oneOf(outcomes)
  return {
    outcome,
    errors: errors.isAbsent ? [] : errors.items(listMax).map(readError),
    warnings: warnings.isAbsent ? [] : warnings.items(listMax).map((warning) => warning.text(textMax)),
    outputData: output.isAbsent || outcome !== 'SUCCEEDED' ? null : readOutput(output),
  }
}

/** One table, or one by node: a table has a list under `data`, or nothing but its key. */
function readOutput(part: Part): Finish['outputData'] {
  const names = Object.keys(part.object())
  const isTable = names.every((name) => name === 'key' || name === 'data')
  if (isTable && (Array.isArray(part.field('data').value) || part.field('data').isAbsent)) return readData(part)
  return Object.fromEntries(part.entries(nodesMax).map(([id, table]) => [id, readData(table)]))
}

function readError(part: Part): ProcessError {
  const [node, agent, attempt] = [part.field('node'), part.field('agent'), part.field('attempt')]
  return {
    ...(node.isAbsent ? {} : { node: node.id('a node id') }),
    ...(agent.isAbsent ? {} : { agent: agent.id('the id of an agent') }),
    ...(attempt.isAbsent ? {} : { attempt: attempt.whole(0) }),
    code: part.field('code').textOr('FAILED', textMax),
    message: part.field('message').textOr('', textMax),
  }
}
