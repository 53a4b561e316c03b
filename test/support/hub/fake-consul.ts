/** The part of Consul's HTTP API that the registry uses, by its documented rules: TTL checks, blocking queries by index. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'

type Service = {
  ID: string
  Name: string
  Meta: Record<string, string>
  ttlMs: number
  untilMs: number
  status: string
  output: string
}

export type FakeConsul = { readonly url: string; readonly stop: () => Promise<void> }

/** `15s`, `1m`, `300ms` as Go writes them. */
const goMs = (duration: string) => {
  const [, count = '0', unit = 's'] = /^(\d+)(ms|s|m)$/.exec(duration) ?? []
  return Number(count) * { ms: 1, s: 1_000, m: 60_000 }[unit as 'ms' | 's' | 'm']
}

/** Starts it on a free port. */
export async function startFakeConsul(): Promise<FakeConsul> {
  const services = new Map<string, Service>()
  const state = { index: 1 }
  const timer = setInterval(() => {
    for (const service of services.values()) {
      if (service.status !== 'passing' || Date.now() < service.untilMs) continue
      Object.assign(service, { status: 'critical', output: 'TTL expired' })
      state.index += 1
    }
  }, 20)
  const server = createServer((request, response) => void answer(request, response, services, state))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      clearInterval(timer)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  services: Map<string, Service>,
  state: { index: number },
) {
  const url = new URL(request.url ?? '/', 'http://consul')
  const body = request.method === 'PUT' ? await text(request) : ''
  const end = (status: number, value?: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-consul-index': String(state.index) })
    response.end(value === undefined ? '' : JSON.stringify(value))
  }
  if (url.pathname === '/v1/agent/service/register') {
    const { ID, Name, Meta, Check } = JSON.parse(body) as Service & {
      Check: { TTL: string; Status: string; DeregisterCriticalServiceAfter: string }
    }
    if (goMs(Check.DeregisterCriticalServiceAfter) < 60_000) return end(400)
    const ttlMs = goMs(Check.TTL)
    services.set(ID, { ID, Name, Meta, ttlMs, untilMs: Date.now() + ttlMs, status: Check.Status, output: '' })
    state.index += 1
    return end(200)
  }
  const checked = /^\/v1\/agent\/check\/update\/(.+)$/.exec(url.pathname)?.[1]
  if (checked !== undefined) {
    const service = services.get(decodeURIComponent(checked).replace(/^service:/, ''))
    if (service === undefined) return end(404)
    const { Status, Output } = JSON.parse(body) as { Status: string; Output: string }
    if (service.status !== Status || service.output !== Output) state.index += 1
    Object.assign(service, { status: Status, output: Output, untilMs: Date.now() + service.ttlMs })
    return end(200)
  }
  const removed = /^\/v1\/agent\/service\/deregister\/(.+)$/.exec(url.pathname)?.[1]
  if (removed !== undefined) {
    state.index += 1
    return end(services.delete(decodeURIComponent(removed)) ? 200 : 404)
  }
  const name = /^\/v1\/health\/service\/(.+)$/.exec(url.pathname)?.[1]
  const asked = Number(url.searchParams.get('index') ?? 0)
  const untilMs = Date.now() + goMs(url.searchParams.get('wait') ?? '0s')
  while (asked === state.index && Date.now() < untilMs && !response.destroyed) await pause(20)
  const found = [...services.values()].filter((service) => service.Name === name)
  end(
    200,
    found.map(({ ID, Meta, status, output }) => ({
      Service: { ID, Meta },
      Checks: [{ CheckID: `service:${ID}`, Status: status, Output: output }],
    })),
  )
}
