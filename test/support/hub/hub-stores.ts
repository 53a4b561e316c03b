/** A store of the hub on a real Redis, with short times and builders. */
import { readFlow } from '../../../src/hub/model/flow.ts'
import type { HubRedis } from '../../../src/hub/scripts.ts'
import { FlowStore } from '../../../src/hub/store/flows.ts'
import { HubQueries } from '../../../src/hub/store/hub-queries.ts'
import { HubStore, type Update } from '../../../src/hub/store/hub-store.ts'
import type { HubStoreSettings } from '../../../src/hub/store/settings.ts'

const testHubSettings: HubStoreSettings = {
  leaseMs: 30_000,
  lostAfterMs: 600_000,
  retentionMs: 604_800_000,
  attemptsMax: 3,
  dataBytesMax: 1_048_576,
  queueMax: 100_000,
  flowsMax: 1_000,
  bounds: { scheduleToStart: [1, 10], node: [1, 10] },
}

export type TestHub = { readonly store: HubStore; readonly queries: HubQueries; readonly flows: FlowStore }

export function testHub(redis: HubRedis, settings: Partial<HubStoreSettings> = {}): TestHub {
  const all = { ...testHubSettings, ...settings }
  return { store: new HubStore(redis, all), queries: new HubQueries(redis), flows: new FlowStore(redis, all) }
}

/** A chain of these algorithms. */
export function aFlow(...algKeys: string[]) {
  return readFlow({ key: 'f', processers: (algKeys.length === 0 ? ['io.csv'] : algKeys).map((algKey) => ({ algKey })) }, 'flow')
}

/** Submits an ad hoc process. @returns its key */
export async function submitted({ store }: TestHub, ...algKeys: string[]): Promise<string> {
  const { key } = await store.submit({ flowKey: undefined, flow: aFlow(...algKeys), data: {}, clientKey: undefined })
  return key
}

/** What a dispatcher writes, with defaults. */
export function anUpdate(over: Partial<Update> & Pick<Update, 'fence'>): Update {
  return { checkerKey: 'd-1', renews: false, nodes: {}, logs: [], finish: undefined, ...over }
}

export const succeeded = { outcome: 'SUCCEEDED', errors: [], warnings: [], outputData: {} } as const
