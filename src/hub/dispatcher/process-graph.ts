/** The nodes of a process with what is known of each: which may start, what each gets, what comes of them all. Writes nothing. */
import type { DMData } from '../model/data.ts'
import { lastNodesOf } from '../model/flow.ts'
import type { NodeStatus } from '../model/process.ts'
import type { Finish, NodeRecord } from '../store/hub-store.ts'
import type { ProcessWork } from '../store/process-work.ts'
import { NodeRun } from './node-run.ts'

export class ProcessGraph {
  readonly nodes: ReadonlyMap<string, NodeRun>
  readonly #work: ProcessWork
  readonly #outputs: Map<string, DMData>
  #hasFailed: boolean

  constructor(work: ProcessWork) {
    this.#work = work
    this.#outputs = new Map(work.outputs)
    const waiting = { status: 'WAITING', agent: null, attempt: 0 } as const
    this.nodes = new Map(work.flow.nodes.map((node) => [node.id, new NodeRun(node, work.nodes.get(node.id) ?? waiting)]))
    this.#hasFailed = [...this.nodes.values()].some(({ record }) => record.status === 'FAILED')
  }

  statuses(): [string, NodeStatus][] {
    return [...this.nodes].map(([id, { record }]) => [id, record.status])
  }

  /** What the node gets: the output of each of its inputs. */
  inputOf({ node }: NodeRun): Record<string, DMData> {
    return Object.fromEntries(node.inputs.map((id) => [id, id === '$input' ? this.#work.data : (this.#outputs.get(id) ?? {})]))
  }

  /** The node whose event is open under this id. */
  byEvent(eventId: string): NodeRun | undefined {
    return [...this.nodes.values()].find(({ event }) => event?.eventId === eventId)
  }

  /** Keeps what came of a node, after that was written. */
  keepDone(run: NodeRun, record: NodeRecord, output: DMData): void {
    run.record = record
    this.#outputs.set(run.node.id, output)
  }

  /** A run of a node is over. With fail-fast nothing starts after one that has failed. */
  noteEnd({ record }: NodeRun): void {
    if (record.status === 'FAILED') this.#hasFailed = true
  }

  get stopsStarting(): boolean {
    return this.#hasFailed && this.#work.flow.failFast
  }

  /** Nodes that have not been started, and can be now. */
  startable(): NodeRun[] {
    return [...this.nodes.values()].filter((run) => {
      const { status } = run.record
      if (run.isStarted || (status !== 'WAITING' && status !== 'RUNNING')) return false
      return (status === 'RUNNING' || !this.stopsStarting) && this.#isReady(run)
    })
  }

  /** Nodes that can be started once this one is done. */
  startableAfter(done: NodeRun): NodeRun[] {
    if (this.stopsStarting) return []
    return [...this.nodes.values()].filter(
      (run) =>
        run.record.status === 'WAITING' && !run.isStarted && run.node.inputs.includes(done.node.id) && this.#isReady(run, done),
    )
  }

  /** @param done counts as done already */
  #isReady({ node }: NodeRun, done?: NodeRun): boolean {
    return node.inputs.every((id) => id === '$input' || id === done?.node.id || this.nodes.get(id)?.record.status === 'DONE')
  }

  /** The end, where all of it rests on one node that is done now: every other one has led to it. Saves a turn to the store. */
  finishWith(run: NodeRun, record: NodeRecord, outputData: DMData): Finish | undefined {
    const last = lastNodesOf(this.#work.flow)
    if (last.length !== 1 || last[0]?.id !== run.node.id) return undefined
    const warnings = [...this.nodes.values()].flatMap((node) => (node === run ? record : node.record).warnings ?? [])
    return { outcome: 'SUCCEEDED', errors: [], warnings, outputData }
  }

  /** The end, when nothing runs and nothing can start. */
  finish(): Finish {
    const runs = [...this.nodes.values()]
    const warnings = runs.flatMap(({ record }) => record.warnings ?? [])
    const failed = runs.filter(({ record }) => record.status === 'FAILED')
    if (failed.length === 0 && runs.every(({ record }) => record.status === 'DONE')) {
      return { outcome: 'SUCCEEDED', errors: [], warnings, outputData: this.#outputData() }
    }
    const errors = failed.flatMap(({ error }) => error ?? [])
    return { outcome: 'FAILED', errors, warnings, outputData: null }
  }

  #outputData(): Finish['outputData'] {
    const last = lastNodesOf(this.#work.flow).map(({ id }): [string, DMData] => [id, this.#outputs.get(id) ?? {}])
    return last.length === 1 ? (last[0]?.[1] ?? {}) : Object.fromEntries(last)
  }

  /** The first error of its end, for the report. */
  get firstError(): { code: string; message: string } | undefined {
    return [...this.nodes.values()].find(({ error }) => error !== undefined)?.error
  }

  /** Nobody waits for what runs any more, and what was to be sent is not. */
  abandon(): void {
    for (const run of this.nodes.values()) {
      run.event?.settle({ kind: 'abandoned' })
      run.unprepare()
    }
  }
}
