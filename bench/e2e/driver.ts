/** Sends the load from a process of its own, and holds every answer against what must come of the reports. */
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'undici'
import { type Body, type Expected, Load, type LoadOrder, type ReportSize } from './load.ts'

/** Which service is spoken to: they judge by different rules. */
export type ServiceName = 'enginescope' | 'naive'

export type Phase = { readonly batch: number; readonly size: ReportSize; readonly durationMs: number }

/** What the driver is told: first where to send, then phase after phase, then to check. */
export type DriverOrder =
  | {
      readonly kind: 'open'
      readonly url: string
      readonly service: ServiceName
      readonly connections: number
      readonly load: Omit<LoadOrder, 'connection'>
    }
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'check' }

export type PhaseResult = {
  readonly reports: number
  /** Requests that were turned away for the time being, and sent again. */
  readonly turnedAway: number
  readonly wallMs: number
  readonly latencyMs: number[]
}

export type DriverAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'phase'; readonly result: PhaseResult }
  | { readonly kind: 'checked'; readonly tasks: number }
  | { readonly kind: 'failed'; readonly message: string }

const againAfterMs = 100

type Counts = Readonly<Record<string, unknown>>

class Driver {
  readonly #service: ServiceName
  readonly #loads: Load[]
  readonly #clients: Client[]
  #turnedAway = 0

  constructor(order: Extract<DriverOrder, { kind: 'open' }>) {
    this.#service = order.service
    const connections = Array.from({ length: order.connections }, (_, connection) => connection)
    this.#loads = connections.map((connection) => new Load({ ...order.load, connection }))
    this.#clients = connections.map(() => new Client(order.url, { pipelining: 1 }))
  }

  /** Every connection sends its next body as soon as the last one was answered. */
  async run({ batch, size, durationMs }: Phase): Promise<PhaseResult> {
    const latencyMs: number[] = []
    this.#turnedAway = 0
    const beganMs = performance.now()
    const untilMs = beganMs + durationMs
    await Promise.all(
      this.#clients.map(async (client, i) => {
        while (performance.now() < untilMs) latencyMs.push(await this.#send(client, (this.#loads[i] as Load).body(batch, size)))
      }),
    )
    const wallMs = performance.now() - beganMs
    return { reports: latencyMs.length * batch, turnedAway: this.#turnedAway, wallMs, latencyMs }
  }

  /** Every live task must be in the exposition; of the service that knows their order, with what it said last. */
  async check(): Promise<number> {
    const client = this.#clients[0] as Client
    const answer = await client.request({ method: 'GET', path: '/metrics' })
    const shown = progressOf(await answer.body.text(), this.#service)
    const words = this.#loads.flatMap((load) => load.lastWords())
    for (const { task, progress } of words) {
      const value = shown.get(task)
      const isRight = this.#service === 'naive' ? value !== undefined : value === progress
      if (!isRight) throw new Error(`task ${task} shows progress ${value}, and last said ${progress}`)
    }
    return words.length
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  /** @param isAgain the body was sent before, and it is not known what became of it */
  async #send(client: Client, body: Body, isAgain = false): Promise<number> {
    const beganMs = performance.now()
    const headers = { 'content-type': 'application/json' }
    const answer = await client.request({ method: 'POST', path: '/api/v1/reports', headers, body: body.text })
    const text = await answer.body.text()
    if (answer.statusCode === 503) {
      this.#turnedAway += 1
      await wait(againAfterMs)
      return performance.now() - beganMs + (await this.#send(client, body, true))
    }
    const latencyMs = performance.now() - beganMs
    if (answer.statusCode !== 200 && answer.statusCode !== 400) throw new Error(`answered ${answer.statusCode}: ${text}`)
    this.#compare(JSON.parse(text) as Counts, body, isAgain)
    return latencyMs
  }

  #compare(answer: Counts, { expected }: Body, isAgain: boolean): void {
    if (isRight(this.#service, answer, expected, isAgain)) return
    throw new Error(`expected ${JSON.stringify(expected)}, answered ${JSON.stringify(answer).slice(0, 600)}`)
  }
}

function isRight(service: ServiceName, answer: Counts, expected: Expected, isAgain: boolean): boolean {
  const { applied, late, duplicate, rejected } = expected
  if (service === 'naive') {
    return answer['accepted'] === applied + late + duplicate && (answer['rejected'] as unknown[]).length === rejected
  }
  if (!isAgain) return Object.entries(expected).every(([outcome, count]) => answer[outcome] === count)
  const taken = Number(answer['applied']) + Number(answer['late']) + Number(answer['duplicate'])
  return taken === applied + late + duplicate && answer['rejected'] === rejected
}

function progressOf(exposition: string, service: ServiceName): Map<string, number> {
  const lines = exposition.matchAll(new RegExp(`^${service}_task_progress_ratio\\{.*\\btask="([^"]+)".*\\} +(\\S+)$`, 'gm'))
  return new Map(Array.from(lines, ([, task, value]) => [String(task), Number(value)]))
}

let driver: Driver | undefined

async function obey(order: DriverOrder): Promise<DriverAnswer> {
  if (order.kind === 'open') {
    driver = new Driver(order)
    return { kind: 'opened' }
  }
  if (driver === undefined) throw new Error('told to work before it was told where')
  if (order.kind === 'phase') return { kind: 'phase', result: await driver.run(order.phase) }
  const tasks = await driver.check()
  await driver.close()
  return { kind: 'checked', tasks }
}

process.on('message', (order: DriverOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ kind: 'failed', message: String(error) } satisfies DriverAnswer),
  )
})
