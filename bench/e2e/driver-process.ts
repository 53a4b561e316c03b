import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DriverAnswer, DriverOrder } from './driver.ts'

/** The driver in its own process; every order has one answer. */
export class DriverProcess {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./driver.js', import.meta.url)))
  }

  /** @throws when the driver met an answer that it must not, or left */
  async ask<Kind extends DriverAnswer['kind']>(order: DriverOrder, kind: Kind): Promise<Extract<DriverAnswer, { kind: Kind }>> {
    const listening = new AbortController()
    const { signal } = listening
    const left = once(this.#child, 'exit', { signal }).then(() => Promise.reject(new Error('the driver left')))
    left.catch(() => undefined)
    this.#child.send(order)
    try {
      const [answer] = (await Promise.race([once(this.#child, 'message', { signal }), left])) as [DriverAnswer]
      if (answer.kind === 'failed') throw new Error(answer.message)
      if (answer.kind !== kind) throw new Error(`the driver answered ${answer.kind} to ${order.kind}`)
      return answer as Extract<DriverAnswer, { kind: Kind }>
    } finally {
      listening.abort()
    }
  }

  stop(): void {
    this.#child.kill()
  }
}
