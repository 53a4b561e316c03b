import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeConsul, startFakeConsul } from '../../../../test/support/hub/fake-consul.ts'
import { anAgent, registrySuite, shortLeases } from '../../../../test/support/hub/registry-suite.ts'
import type { Registry } from '../registry.ts'
import { consulClient } from './consul-client.ts'
import { openConsulRegistry } from './consul-registry.ts'

let consul: FakeConsul
let opened: Registry[] = []
beforeEach(async () => {
  consul = await startFakeConsul()
})
afterEach(async () => {
  for (const registry of opened) await registry.close()
  opened = []
  await consul.stop()
})

function open(): Promise<Registry> {
  const registry = openConsulRegistry(consulClient(consul.url, undefined), shortLeases)
  opened.push(registry)
  return Promise.resolve(registry)
}

describe('the registry in Consul', () => {
  registrySuite(open)

  test('a Consul that is away is told as busy', async () => {
    const registry = await open()
    await consul.stop()
    await expect(registry.register(anAgent())).rejects.toMatchObject({ code: 'BUSY' })
    consul = await startFakeConsul()
  })
})
