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

  /** All of them by key. */
  async list(): Promise<unknown[]> {
    const flows = await orUnavailable(() => this.#redis.hgetall(hubKeys.flows))
    return Object.keys(flows)
      .sort()
      .map((key) => JSON.parse(flows[key] ?? 'null') as unknown)
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
