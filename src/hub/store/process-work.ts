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

/** Out of the three hashes of a process. */
export function workOf(process: Flat, nodes: Flat, outputs: Flat): ProcessWork {
  const fields = new Map(pairs(process))
  return {
    flow: flowFromStore(fields.get('flow') ?? ''),
    flowName: fields.get('flowName') ?? '',
    isAdhoc: fields.get('adhoc') === '1',
    data: JSON.parse(fields.get('data') ?? '{}') as DMData,
    nodes: parsed<NodeRecord>(nodes),
    outputs: parsed<DMData>(outputs),
  }
}

function pairs(flat: Flat): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2] ?? '', flat[at * 2 + 1] ?? ''])
}

function parsed<T>(flat: Flat): Map<string, T> {
  return new Map(pairs(flat).map(([name, json]) => [name, JSON.parse(json) as T]))
}
