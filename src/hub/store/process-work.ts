import type { DMData } from '../model/data.ts'
import { type Flow, flowFromStore } from '../model/flow.ts'
import type { NodeRecord } from './hub-store.ts'

/** All that a dispatcher needs to go on with a process. */
export type ProcessWork = {
  readonly flow: Flow
  /** Name of the flow, deployed or not. */
  readonly flowName: string
  readonly isAdhoc: boolean
  readonly data: DMData
  readonly nodes: ReadonlyMap<string, NodeRecord>
  /** Of nodes that are done. */
  readonly outputs: ReadonlyMap<string, DMData>
}

/** A hash as a script answers it: names and values in turn. */
type Flat = readonly string[]

/** Out of the three hashes of a process; or what is wrong with them. They were checked when they were written. */
export function workOf(process: Flat, nodes: Flat, outputs: Flat): ProcessWork | Error {
  const fields = new Map(pairs(process))
  try {
    const flow = flowFromStore(fields.get('flow') ?? '')
    if (!hasNodes(flow)) return new Error('its flow has no nodes')
    const records = parsed<NodeRecord>(nodes)
    if (![...records.values()].every(isObject)) return new Error('a node is no object')
    return {
      flow,
      flowName: fields.get('flowName') ?? '',
      isAdhoc: fields.get('adhoc') === '1',
      data: JSON.parse(fields.get('data') ?? '{}') as DMData,
      nodes: records,
      outputs: parsed<DMData>(outputs),
    }
  } catch (error) {
    // Nothing but what is stored can be at fault: no JSON, or JSON of something else.
    return error instanceof Error ? error : new Error(String(error))
  }
}

function hasNodes({ nodes }: Flow): boolean {
  return Array.isArray(nodes) && nodes.every((node) => isObject(node) && Array.isArray(node.inputs))
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function pairs(flat: Flat): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2] ?? '', flat[at * 2 + 1] ?? ''])
}

function parsed<T>(flat: Flat): Map<string, T> {
  return new Map(pairs(flat).map(([name, json]) => [name, JSON.parse(json) as T]))
}
