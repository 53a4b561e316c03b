import { ScopeError } from '../../errors.ts'
import { type DMData, readData } from './data.ts'
import { cycleOf } from './graph.ts'
import { Part } from './part.ts'

/** The name by which a node asks for the data of the process. */
const processInput = '$input'

/** One step of a flow: an algorithm with its parameters, and where its data comes from. */
export type FlowNode = {
  readonly id: string
  readonly algKey: string
  readonly model: DMData
  /** Nodes whose output it gets, or `$input`; never empty. */
  readonly inputs: readonly string[]
}

/** A flow as it runs, whichever form it was written in: a graph without cycles. */
export type Flow = {
  readonly key: string | undefined
  /** After a node has failed nothing new starts; `false`: what does not depend on it goes on. */
  readonly failFast: boolean
  /** In the order in which they were written down. */
  readonly nodes: readonly FlowNode[]
  /** As it was written, without what nobody knows; for whoever asks for it. */
  readonly source: FlowSource
}

/** A flow on the wire: a list is a chain, an object a graph. */
export type FlowSource = {
  readonly key?: string
  readonly failFast?: boolean
  readonly processers: readonly NodeSource[] | Readonly<Record<string, NodeSource>>
}
type NodeSource = { readonly id?: string; readonly algKey: string; readonly model?: DMData; readonly inputs?: readonly string[] }

const nodesMax = 1_000
/** A run of a node is a task named `<process>/<node>`, which must be an id too. */
const nodeIdLengthMax = 128

/**
 * Checks a flow, chain or graph, and gives the graph that it stands for.
 * @param path where it stands in the body, e.g. `flow`
 * @throws ScopeError FLOW_INVALID with the path of the first thing that does not fit
 */
export function readFlow(value: unknown, path: string): Flow {
  const flow = new Part(value, path, 'FLOW_INVALID')
  const key = flow.field('key').idOr(undefined, 'a flow key')
  const failFast = flow.field('failFast').flag(true)
  const processers = flow.field('processers')
  const isChain = Array.isArray(processers.value)
  const nodes = isChain ? readChain(processers) : readGraph(processers)
  if (nodes.length === 0) processers.refuse('must hold at least one processer')
  const cycle = cycleOf(new Map(nodes.map(({ id, inputs }) => [id, inputs])))
  if (cycle !== undefined) processers.refuse(`cycle ${shown(cycle)}`)
  const written = {
    ...(key === undefined ? {} : { key }),
    ...(flow.field('failFast').isAbsent ? {} : { failFast }),
    processers: sourceOf(processers, nodes, isChain),
  }
  return { key, failFast, nodes, source: written }
}

function sourceOf(processers: Part, nodes: readonly FlowNode[], isChain: boolean): FlowSource['processers'] {
  const chain = isChain ? processers.items(nodesMax) : []
  const items = nodes.map(({ id, algKey, model, inputs }, at): [string, NodeSource] => {
    const item = isChain ? chain[at] : processers.field(id)
    const was = (name: string) => item?.field(name).isAbsent === false
    return [
      id,
      {
        ...(isChain && was('id') ? { id } : {}),
        algKey,
        ...(was('model') ? { model } : {}),
        ...(!isChain && was('inputs') ? { inputs } : {}),
      },
    ]
  })
  return isChain ? items.map(([, item]) => item) : Object.fromEntries(items)
}

/** The graph of a flow that was checked before. */
export function flowFromStore(json: string): Flow {
  const { source, ...rest } = JSON.parse(json) as Flow
  return { ...rest, key: rest.key, source }
}

/** The algorithms of a flow, each once, sorted. */
export function algorithmsOf({ nodes }: Pick<Flow, 'nodes'>): string[] {
  return [...new Set(nodes.map(({ algKey }) => algKey))].sort()
}

/** Nodes that no other takes the output of. */
export function lastNodesOf({ nodes }: Pick<Flow, 'nodes'>): FlowNode[] {
  const consumed = new Set(nodes.flatMap(({ inputs }) => inputs))
  return nodes.filter(({ id }) => !consumed.has(id))
}

function readChain(part: Part): FlowNode[] {
  const seen = new Set<string>()
  const nodes: FlowNode[] = []
  let before = processInput
  for (const [at, item] of part.items(nodesMax).entries()) {
    const given = item.field('id')
    const id = given.isAbsent ? String(at + 1) : readNodeId(given.value, given)
    if (seen.has(id)) given.refuse(`duplicate id ${id}`)
    seen.add(id)
    nodes.push({ id, ...readWork(item), inputs: [before] })
    before = id
  }
  return nodes
}

function readGraph(part: Part): FlowNode[] {
  part.object('a list (a chain) or an object of nodes (a graph)')
  const entries = part.entries(nodesMax)
  const ids = new Set(entries.map(([id]) => id))
  return entries.map(([id, item]) => {
    readNodeId(id, item)
    return { id, ...readWork(item), inputs: readInputs(item.field('inputs'), ids) }
  })
}

function readNodeId(value: unknown, part: Part): string {
  const id = new Part(value, part.path, 'FLOW_INVALID').id('a node id', nodeIdLengthMax)
  // `$` is not in the alphabet. Two underscores lead to names that JavaScript gives a meaning of its own.
  return id.startsWith('__') ? part.refuse('a node id must not begin with $ or __') : id
}

function readWork(part: Part): Pick<FlowNode, 'algKey' | 'model'> {
  const model = part.field('model')
  return { algKey: part.field('algKey').id('an algorithm key'), model: model.isAbsent ? {} : readData(model) }
}

function readInputs(part: Part, ids: ReadonlySet<string>): string[] {
  if (part.isAbsent) return [processInput]
  const seen = new Set<string>()
  for (const item of part.items(nodesMax + 1)) {
    const input = item.text(nodeIdLengthMax)
    if (input !== processInput && !ids.has(input)) item.refuse(`unknown input ${input}`)
    if (seen.has(input)) item.refuse(`duplicate input ${input}`)
    seen.add(input)
  }
  return seen.size === 0 ? [processInput] : [...seen]
}

const cycleShownMax = 20

function shown(cycle: readonly string[]): string {
  const short = cycle.length > cycleShownMax ? [...cycle.slice(0, cycleShownMax), '...'] : cycle
  return short.join(' -> ')
}

/** Refuses a flow or data that is too large as it is stored. @throws ScopeError BODY_TOO_LARGE */
export function checkSize(json: string, bytesMax: number, path: string): void {
  if (Buffer.byteLength(json) <= bytesMax) return
  throw new ScopeError('BODY_TOO_LARGE', `${path} is larger than ${bytesMax} bytes`, { path })
}
