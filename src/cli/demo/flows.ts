/** EngineHub in the demo: a hub, a dispatcher and an agent for each algorithm, and a flow that really learns something. */
import { setTimeout as pause } from 'node:timers/promises'
import { choosePort } from '../stack/ports.ts'
import { thisProgram } from '../up.ts'
import { type EngineEnd, runEngine } from './engine-process.ts'
import { fileTable } from './file-table.ts'
import { textFolder } from './material.ts'
import { exampleCommand, type RoundOptions, type Surprise } from './round.ts'

const algorithms = {
  'io.csv': 'io-csv.js',
  'stat.mean': 'stat-mean.js',
  'classifier.decisionTree.id3': 'id3.js',
  'util.merge': 'merge.js',
}

/** Loads a table, takes its means and trains a tree on it side by side, and merges what came out. */
const flow = {
  key: 'files',
  processers: {
    load: { algKey: 'io.csv', inputs: ['$input'] },
    stats: { algKey: 'stat.mean', inputs: ['load'] },
    train: { algKey: 'classifier.decisionTree.id3', inputs: ['load'] },
    join: { algKey: 'util.merge', inputs: ['stats', 'train'] },
  },
}

export type FlowOptions = RoundOptions & {
  /** Store of the hub. */
  readonly redisUrl: string
}

const hubPort = 7718
const betweenMs = 10_000
const pollMs = 250
const processWithinMs = 60_000
const startWithinMs = 60_000
const isThere = 409

type Answer = { readonly status: number; readonly body: Record<string, unknown> }

/** Runs the members and the flow, once or again and again until `signal`. @returns processes and members that ended otherwise than they should have */
export async function runFlows(options: FlowOptions, once: boolean): Promise<Surprise[]> {
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const port = await choosePort({ name: 'hub', host: '127.0.0.1', port: hubPort, isExplicit: false, flag: '' }, new Set())
  const hubUrl = `http://127.0.0.1:${port}`
  const broken: Surprise[] = []
  const members = memberCommands(port).map(async ([name, command]) => {
    const end = await runEngine({ command, env: memberEnv(options), prefix: options.prefix, signal })
    if (signal.aborted) return
    broken.push({ jobId: name, end })
    over.abort()
  })
  try {
    const surprises = await processes(hubUrl, { ...options, signal }, once)
    return [...surprises, ...broken]
  } finally {
    over.abort()
    await Promise.all(members)
  }
}

function memberCommands(port: number): [string, string[]][] {
  const agents = Object.entries(algorithms).map(([key, file]): [string, string[]] => {
    const module = exampleCommand(`hub/${file}`).at(-1) ?? ''
    return [
      `agent ${key}`,
      thisProgram('agent', '--algorithm', key, '--module', module, '--capacity', '2', '--id', `demo-${key}`),
    ]
  })
  return [
    ['hub', thisProgram('hub', '--hub-port', String(port), '--id', 'demo-hub')],
    ['dispatcher', thisProgram('dispatcher', '--slots', '2', '--id', 'demo-dispatcher')],
    ...agents,
  ]
}

/** They are for this machine alone, wherever the aggregator listens. */
function memberEnv({ env, redisUrl }: FlowOptions): RoundOptions['env'] {
  return { ...env, ENGINESCOPE_HOST: '127.0.0.1', ENGINESCOPE_HUB_REDIS_URL: redisUrl, ENGINESCOPE_HUB_ADVERTISE_URL: undefined }
}

async function processes(hubUrl: string, options: FlowOptions, once: boolean): Promise<Surprise[]> {
  const { signal, say } = options
  if (!(await isDeployed(hubUrl, options))) return signal.aborted ? [] : [failed('hub', ['the flow could not be deployed'])]
  say(`hub: ${hubUrl}/hub/flow/${flow.key}/processes lists the runs of a flow over four agents`)
  for (let turn = options.round; !signal.aborted; turn++) {
    const surprises = await runProcess(hubUrl, turn, options)
    if (once || surprises.length > 0) return surprises
    await pause(betweenMs, undefined, { signal }).catch(() => undefined)
  }
  return []
}

async function isDeployed(hubUrl: string, { signal, env }: FlowOptions): Promise<boolean> {
  const untilMs = performance.now() + startWithinMs
  while (!signal.aborted && performance.now() < untilMs) {
    const answer = await call(env, `${hubUrl}/hub/flow`, flow).catch(() => undefined)
    // Of an earlier demo in the same folder.
    if (answer !== undefined && (answer.status < 300 || answer.status === isThere)) return true
    await pause(pollMs, undefined, { signal }).catch(() => undefined)
  }
  return false
}

async function runProcess(hubUrl: string, turn: number, { signal, say, env }: FlowOptions): Promise<Surprise[]> {
  const csv = fileTable(textFolder(), turn)
  const data = { key: `files-${turn}`, data: [{ attribute: { name: 'csv', type: 'string' }, data: [csv] }] }
  const begun = await call(env, `${hubUrl}/hub/flow/${flow.key}/processes`, { data })
  const key = String(begun.body['key'] ?? '')
  say(`${key}: a decision tree learns the kinds of ${csv.split('\n').length - 1} files`)
  const untilMs = performance.now() + processWithinMs
  while (!signal.aborted && performance.now() < untilMs) {
    const { body } = await call(env, `${hubUrl}/hub/processes/${key}`)
    if (body['status'] === 'FINISHED')
      return judged(key, body['outcome'], await call(env, `${hubUrl}/hub/processes/${key}/result`), say)
    await pause(pollMs, undefined, { signal }).catch(() => undefined)
  }
  return signal.aborted ? [] : [failed(key, ['it was not done in time'])]
}

function judged(key: string, outcome: unknown, { body }: Answer, say: RoundOptions['say']): Surprise[] {
  if (outcome !== 'SUCCEEDED') return [failed(key, [JSON.stringify(body['errors'])])]
  const { data = [] } = (body['outputData'] ?? {}) as { data?: { attribute: { name: string }; data: string[] }[] }
  const accuracy = data.find(({ attribute }) => attribute.name === 'accuracy')?.data[0]
  say(`${key}: ended (SUCCEEDED): the tree names the right kind for ${(100 * Number(accuracy)).toFixed(1)} % of them`)
  return []
}

/** @throws when the hub does not answer */
async function call(env: RoundOptions['env'], url: string, body?: unknown): Promise<Answer> {
  const token = env['ENGINESCOPE_TOKEN']
  const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), 'content-type': 'application/json' }
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) })
  return { status: response.status, body: (await response.json().catch(() => ({}))) as Record<string, unknown> }
}

function failed(jobId: string, lastLines: readonly string[]): Surprise {
  const end: EngineEnd = { code: null, signal: null, lastLines }
  return { jobId, end }
}
