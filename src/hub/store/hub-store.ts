/** What changes processes: each call is one script, so that whoever comes second is told so. */
import { createHash, randomUUID } from 'node:crypto'
import { ScopeError } from '../../errors.ts'
import type { CheckLog } from '../model/check-log.ts'
import type { DMData } from '../model/data.ts'
import { algorithmsOf, checkSize, type Flow } from '../model/flow.ts'
import type { NodeStatus, Outcome, ProcessError, ProcessLog, ProcessStatus } from '../model/process.ts'
import { boundedWarnings, processWarnings } from '../model/words.ts'
import type { HubRedis } from '../scripts.ts'
import { wellFormedJson } from '../well-formed.ts'
import { type HubScripts, hubScripts } from './hub-scripts.ts'
import { type ProcessWork, workOf } from './process-work.ts'
import { clientKeyMs, denyEveryMs, type HubStoreSettings, lookedMax } from './settings.ts'

export type Submission = {
  /** Undefined: ad hoc. */
  readonly flowKey: string | undefined
  readonly flow: Flow
  readonly data: DMData
  /** The same one twice gives the same process. */
  readonly clientKey: string | undefined
}

export type Submitted = { readonly key: string; readonly status: ProcessStatus; readonly isNew: boolean }

/** Who writes: the dispatcher and the fence it was given. */
export type Holder = { readonly checkerKey: string; readonly fence: number }

/** Where a node stands, as it is stored. */
export type NodeRecord = {
  readonly status: NodeStatus
  readonly agent: string | null
  /** Number of the event that was sent last; 0 = none. */
  readonly attempt: number
  /** Tries that failed. */
  readonly failures?: number
  /** Why the last one did, of a node that is FAILED. */
  readonly error?: { readonly code: string; readonly message: string }
  readonly warnings?: readonly string[]
}

export type NodeChange = NodeRecord & {
  /** Needed with DONE. */
  readonly output?: DMData
  /** Which algorithm it was, and how long it ran there. */
  readonly ran?: { readonly algorithm: string; readonly seconds: number }
}

export type Finish = {
  readonly outcome: Outcome
  readonly errors: readonly ProcessError[]
  readonly warnings: readonly string[]
  readonly outputData: DMData | Readonly<Record<string, DMData>> | null
}

export type Update = Holder & {
  readonly renews: boolean
  readonly nodes: Readonly<Record<string, NodeChange>>
  readonly logs: readonly ProcessLog[]
  readonly finish: Finish | undefined
}

export type Claim = { readonly key: string; readonly fence: number; readonly attempt: number }

/** A process that was taken, with all that is needed to go on with it. */
export type Taken = Claim & { readonly work: ProcessWork }

export class HubStore {
  readonly settings: HubStoreSettings
  readonly #scripts: HubScripts

  constructor(redis: HubRedis, settings: HubStoreSettings) {
    this.settings = settings
    this.#scripts = hubScripts(redis)
  }

  /** Puts a process into the queue. @throws ScopeError CLIENT_KEY_REUSED, BODY_TOO_LARGE, BUSY, REDIS_UNAVAILABLE */
  async submit({ flowKey, flow, data, clientKey }: Submission): Promise<Submitted> {
    const { dataBytesMax, queueMax } = this.settings
    const [flowJson, dataJson] = [JSON.stringify(flow), JSON.stringify(data)]
    checkSize(JSON.stringify(flow.source), dataBytesMax, 'flow')
    checkSize(dataJson, dataBytesMax, 'data')
    // Nothing is held against it but what comes under the same client key.
    const digest = clientKey === undefined ? '' : digestOf([flowKey ?? null, flowKey === undefined ? flow : null, data])
    const answer = (await this.#scripts.submit([
      `p-${randomUUID()}`,
      clientKey ?? '',
      digest,
      clientKeyMs,
      flowKey ?? '',
      flow.key ?? '',
      flowJson,
      dataJson,
      JSON.stringify(algorithmsOf(flow)),
      JSON.stringify(flow.nodes.map(({ id }) => id)),
      queueMax,
    ])) as string[]
    const [word, key = '', status = 'PENDING'] = answer
    if (word === 'reused') throw new ScopeError('CLIENT_KEY_REUSED')
    if (word === 'full') throw new ScopeError('BUSY', `The queue holds ${queueMax} processes.`, { retryAfterSeconds: 5 })
    return { key, status: status as ProcessStatus, isNew: word === 'new' }
  }

  /**
   * Takes the oldest process that can be served. One whose record cannot be read is ended on the way, FAILED with RECORD_UNREADABLE.
   * @param serves algorithms with a live agent
   * @param description of the ACCEPT
   */
  async claim(dispatcher: string, serves: readonly string[], description: string): Promise<Taken | undefined> {
    const { leaseMs, attemptsMax } = this.settings
    for (let after = '0'; ; ) {
      const [word, ...rest] = (await this.#scripts.claim([
        dispatcher,
        leaseMs,
        JSON.stringify(serves),
        after,
        lookedMax,
        denyEveryMs,
        attemptsMax,
        this.#scheduleBounds,
        description,
      ])) as [string, ...unknown[]]
      if (word === 'none') return undefined
      if (word !== 'claimed') {
        after = String(rest[0])
        continue
      }
      const [key, fence, attempt, ...hashes] = rest as ClaimedFields
      const work = workOf(...hashes)
      if (work instanceof Error) await this.#scripts.aside([key, dispatcher, fence, work.message])
      else return { key, fence, attempt: Number(attempt), work }
    }
  }

  /** Takes a decision. @returns the fence of an ACCEPT that won. @throws ScopeError PROCESS_UNKNOWN, PROCESS_NOT_PENDING */
  async decide(key: string, check: Omit<CheckLog, 'datetime'>, reason: string): Promise<number | undefined> {
    const { status, description, checkerKey } = check
    const { leaseMs } = this.settings
    const args = [key, status, description, checkerKey, reason, leaseMs, this.#scheduleBounds]
    const [word, fence] = (await this.#scripts.check(args)) as [string, number?]
    if (word === 'unknown') throw new ScopeError('PROCESS_UNKNOWN')
    if (word === 'late') throw new ScopeError('PROCESS_NOT_PENDING')
    return fence
  }

  /** Writes what a dispatcher knows. @throws ScopeError PROCESS_UNKNOWN, FENCE_STALE, PROCESS_FINISHED, REQUEST_INVALID, BODY_TOO_LARGE */
  async update(key: string, update: Update): Promise<void> {
    const { leaseMs, dataBytesMax, bounds } = this.settings
    const nodes = Object.entries(update.nodes).flatMap(([id, change]) => nodeArgs(id, change, dataBytesMax))
    const { outcome = '', errors = [], warnings = [], outputData = null } = update.finish ?? {}
    const output = JSON.stringify(outputData)
    checkSize(output, dataBytesMax, 'finish.outputData')
    const word = String(
      await this.#scripts.update([
        key,
        update.checkerKey,
        update.fence,
        update.renews ? leaseMs : '',
        bounds.node.join(','),
        nodes.length / 6,
        ...nodes,
        update.logs.length,
        ...update.logs.map((line) => JSON.stringify(line)),
        outcome,
        JSON.stringify(errors),
        JSON.stringify(boundedWarnings(warnings, processWarnings)),
        output,
      ]),
    )
    if (word === 'unknown') throw new ScopeError('PROCESS_UNKNOWN')
    if (word === 'stale') throw new ScopeError('FENCE_STALE')
    if (word === 'finished') throw new ScopeError('PROCESS_FINISHED')
    if (word !== 'ok') throw new ScopeError('REQUEST_INVALID', 'The flow has no such node.', { path: `nodes.${word.slice(5)}` })
  }

  /** Gives a process back: the next dispatcher goes on with it at once. @returns whether it was still held */
  async release(key: string, { checkerKey, fence }: Holder): Promise<boolean> {
    return (await this.#scripts.release([key, checkerKey, fence])) === 1
  }

  /**
   * Cancels a process that has not ended.
   * @param flowKey it must be of; null = it must be ad hoc
   * @throws ScopeError PROCESS_UNKNOWN, PROCESS_FINISHED
   */
  async cancel(key: string, flowKey: string | null | undefined): Promise<void> {
    const word = await this.#scripts.cancel([key, flowKey === undefined ? '*' : (flowKey ?? '')])
    if (word === 'unknown') throw new ScopeError('PROCESS_UNKNOWN')
    if (word === 'finished') throw new ScopeError('PROCESS_FINISHED')
  }

  /** Ends what nobody took over and removes what is old, some at a time. @returns how many of both */
  async sweep(processesMax: number): Promise<{ lost: number; removed: number }> {
    const { lostAfterMs, retentionMs } = this.settings
    const [lost, removed] = (await this.#scripts.sweep([lostAfterMs, retentionMs, processesMax])) as [number, number]
    return { lost, removed }
  }

  /** Whether the hub of this id is the one that prints what all hubs share, for so long from now; by the store's clock. */
  async holdsSeries(id: string, leaseMs: number): Promise<boolean> {
    return (await this.#scripts.hold([id, leaseMs])) === 1
  }

  /** Lets another hub print it at once. */
  async leaveSeries(id: string): Promise<void> {
    await this.#scripts.hold([id, 0])
  }

  get #scheduleBounds(): string {
    return this.settings.bounds.scheduleToStart.join(',')
  }
}

function digestOf(submitted: unknown): string {
  return createHash('sha256').update(JSON.stringify(submitted)).digest('base64url')
}

type ClaimedFields = [key: string, fence: number, attempt: number, process: string[], nodes: string[], outputs: string[]]

function nodeArgs(id: string, { output, ran, ...record }: NodeChange, bytesMax: number): (string | number)[] {
  const json = output === undefined ? '{}' : JSON.stringify(output)
  checkSize(json, bytesMax, `nodes.${id}.output`)
  // A field of the flow's id must be an own one of the update: `nodes` came through JSON, where every name is own.
  return [id, record.status, wellFormedJson(record), json, ran?.algorithm ?? '', ran === undefined ? '' : ran.seconds.toFixed(6)]
}
