import { ScopeError } from '../../errors.ts'
import { hubKeys } from '../keys.ts'
import { checkSize, type Flow, readFlow } from '../model/flow.ts'
import { type HubRedis, orUnavailable } from '../scripts.ts'
import type { HubStoreSettings } from './settings.ts'

/** Deployed flows, as they were written. */
export class FlowStore {
  readonly #redis: HubRedis
  readonly #settings: Pick<HubStoreSettings, 'dataBytesMax' | 'flowsMax'>

  constructor(redis: HubRedis, settings: Pick<HubStoreSettings, 'dataBytesMax' | 'flowsMax'>) {
    this.#redis = redis
    this.#settings = settings
  }

  /** @returns whether it is new; false: the same flow is there. @throws ScopeError FLOW_EXISTS, BODY_TOO_LARGE, BUSY */
  async deploy(key: string, flow: Flow): Promise<boolean> {
    const { dataBytesMax, flowsMax } = this.#settings
    const json = JSON.stringify({ ...flow.source, key })
    checkSize(json, dataBytesMax, 'flow')
    const [count, isNew] = await orUnavailable(async () => {
      const flows = await this.#redis.hlen(hubKeys.flows)
      return [flows, flows < flowsMax && (await this.#redis.hsetnx(hubKeys.flows, key, json)) === 1]
    })
    if (isNew) return true
    const known = await this.get(key)
    if (known === undefined) throw new ScopeError('BUSY', `There are ${count} flows.`, { retryAfterSeconds: 60 })
    if (essence(readFlow(known, 'flow')) !== essence(readFlow(JSON.parse(json), 'flow'))) throw new ScopeError('FLOW_EXISTS')
    return false
  }

  /** As it was written. */
  async get(key: string): Promise<unknown> {
    const json = await orUnavailable(() => this.#redis.hget(hubKeys.flows, key))
    return json === null ? undefined : (JSON.parse(json) as unknown)
  }

  /** So many of them, by key, from the first after `after`. */
  async list(flowsMax: number, after = ''): Promise<unknown[]> {
    const all = await orUnavailable(() => this.#redis.hkeys(hubKeys.flows))
    const keys = all
      .filter((key) => key > after)
      .sort()
      .slice(0, flowsMax)
    if (keys.length === 0) return []
    const flows = await orUnavailable(() => this.#redis.hmget(hubKeys.flows, ...keys))
    return flows.flatMap((json) => (json === null ? [] : [JSON.parse(json) as unknown]))
  }

  /** @returns whether it was there. Runs have copies of their own. */
  async remove(key: string): Promise<boolean> {
    return (await orUnavailable(() => this.#redis.hdel(hubKeys.flows, key))) === 1
  }
}

/** What a flow does, whichever way it was written and in whichever order. */
function essence({ failFast, nodes }: Flow): string {
  const sorted = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1))
  return JSON.stringify([failFast, sorted.map(({ id, algKey, model, inputs }) => [id, algKey, model, inputs])])
}
