/** What is read of processes. Nothing here changes anything. */
import { hubKeys } from '../keys.ts'
import type { CheckLog } from '../model/check-log.ts'
import type { DMData } from '../model/data.ts'
import { flowFromStore } from '../model/flow.ts'
import type { ProcessError, ProcessLog, ProcessResult, ProcessView, QueueEntry } from '../model/process.ts'
import { type HubRedis, orUnavailable } from '../scripts.ts'
import { type HubScripts, hubScripts } from './hub-scripts.ts'
import { viewOf } from './process-view.ts'

export type Queue = { readonly length: number; readonly oldestAgeMs: number; readonly entries: readonly QueueEntry[] }

/** How a process ended that the hub has to report. */
export type UnheldEnd = { readonly view: ProcessView; readonly flowName: string; readonly errors: readonly ProcessError[] }

const checksMax = 100

export class HubQueries {
  readonly #redis: HubRedis
  readonly #scripts: HubScripts

  constructor(redis: HubRedis) {
    this.#redis = redis
    this.#scripts = hubScripts(redis)
  }

  async process(key: string): Promise<ProcessView | undefined> {
    const [view] = await this.processes([key])
    return view
  }

  /** Those of the keys that are there. */
  async processes(keys: readonly string[]): Promise<ProcessView[]> {
    const replies = await this.#pipeline(
      keys.flatMap((key) => [
        ['hgetall', hubKeys.process(key)],
        ['hgetall', hubKeys.nodes(key)],
      ]),
    )
    return keys.flatMap((key, at) => viewOf(key, replies[at * 2] as Fields, replies[at * 2 + 1] as Fields) ?? [])
  }

  /** Runs of a deployed flow, newest first. */
  async runs(flowKey: string, runsMax: number): Promise<ProcessView[]> {
    return this.processes(await orUnavailable(() => this.#redis.zrevrange(hubKeys.runs(flowKey), 0, runsMax - 1)))
  }

  async queue(entriesMax: number): Promise<Queue> {
    const [length = '0', oldest, now, ...rest] = (await this.#scripts.queue([entriesMax])) as string[]
    const nowMs = Number(now)
    const entries: QueueEntry[] = []
    for (let at = 0; at < rest.length; at += 4) {
      const createdAt = Number(rest[at + 1])
      entries.push({
        key: rest[at] ?? '',
        status: 'PENDING',
        createdAt,
        ageMs: nowMs - createdAt,
        algorithms: JSON.parse(rest[at + 2] ?? '[]') as string[],
        denies: Number(rest[at + 3]),
      })
    }
    return { length: Number(length), oldestAgeMs: oldest ? nowMs - Number(oldest) : 0, entries }
  }

  async checkLogs(key: string): Promise<CheckLog[]> {
    const lines = await orUnavailable(() => this.#redis.lrange(hubKeys.checks(key), -checksMax, -1))
    return lines.map((line) => {
      const { at, status, description, checkerKey } = JSON.parse(line) as Omit<CheckLog, 'datetime'> & { at: number }
      return { datetime: new Date(at).toISOString(), status, description, checkerKey }
    })
  }

  /** As text: it is passed on as it is. */
  async data(key: string): Promise<DMData | undefined> {
    const json = await orUnavailable(() => this.#redis.hget(hubKeys.process(key), 'data'))
    return json === null ? undefined : (JSON.parse(json) as DMData)
  }

  /** As it was submitted; undefined when there is none (any more). */
  async flow(key: string): Promise<unknown> {
    const json = await orUnavailable(() => this.#redis.hget(hubKeys.process(key), 'flow'))
    return json === null ? undefined : flowFromStore(json).source
  }

  async result(key: string): Promise<ProcessResult | undefined> {
    const [fields, lines] = (await this.#pipeline([
      ['hmget', hubKeys.process(key), 'data', 'output', 'errors', 'warnings', 'linesDropped'],
      ['lrange', hubKeys.lines(key), '0', '-1'],
    ])) as [(string | null)[], string[]]
    const [data, output, errors, warnings, dropped] = fields
    if (data === null || data === undefined) return undefined
    return {
      key,
      inputData: JSON.parse(data) as DMData,
      outputData: JSON.parse(output ?? 'null') as ProcessResult['outputData'],
      errors: JSON.parse(errors ?? '[]') as ProcessError[],
      warnings: JSON.parse(warnings ?? '[]') as string[],
      logs: withNote(
        lines.map((line) => JSON.parse(line) as ProcessLog),
        Number(dropped ?? 0),
      ),
    }
  }

  /** Takes ends that no dispatcher can report off the list: each is given to one caller. */
  async takeEnds(endsMax: number): Promise<UnheldEnd[]> {
    const keys = (await orUnavailable(() => this.#redis.lpop(hubKeys.ends, endsMax))) ?? []
    const replies = (await this.#pipeline(keys.map((key) => ['hmget', hubKeys.process(key), 'flowName', 'errors']))) as (
      | string
      | null
    )[][]
    const views = new Map((await this.processes(keys)).map((view) => [view.key, view]))
    return keys.flatMap((key, at) => {
      const view = views.get(key)
      const [flowName, errors] = replies[at] ?? []
      return view === undefined ? [] : [{ view, flowName: flowName ?? '', errors: JSON.parse(errors ?? '[]') as ProcessError[] }]
    })
  }

  /** Totals since the store began. */
  async counters(): Promise<ReadonlyMap<string, number>> {
    const fields = await orUnavailable(() => this.#redis.hgetall(hubKeys.counters))
    return new Map(Object.entries(fields).map(([name, value]) => [name, Number(value)]))
  }

  /** Counts a result that a dispatcher refused. */
  async countRefusal(reason: string): Promise<void> {
    await orUnavailable(() => this.#redis.hincrby(hubKeys.counters, `refused:${reason}`, 1))
  }

  async #pipeline(commands: readonly (readonly string[])[]): Promise<unknown[]> {
    if (commands.length === 0) return []
    const replies = await orUnavailable(async () => {
      const all = (await this.#redis.pipeline(commands.map((command) => [...command])).exec()) ?? []
      const failed = all.find(([error]) => error !== null)
      if (failed?.[0]) throw failed[0]
      return all
    })
    return replies.map(([, reply]) => reply)
  }
}

/** Says first that older lines were left out. */
function withNote(lines: ProcessLog[], dropped: number): ProcessLog[] {
  if (dropped === 0) return lines
  return [{ ts: lines[0]?.ts ?? 0, level: 'WARN', line: `${dropped} earlier lines are left out` }, ...lines]
}

type Fields = Readonly<Record<string, string>>
