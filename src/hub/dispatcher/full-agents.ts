import type { MemberView } from '../registry/member.ts'

type Full = { untilMs: number; waitMs: number; readonly running: number }

const waitMsMin = 50
const waitMsMax = 2_000
/** The longest that an agent is left alone because it says so. */
const retryAfterMsMax = 30_000

/** Agents that said they are full: each is left alone for as long as it asks, and for longer each time it says so again. */
export class FullAgents {
  readonly #all = new Map<string, Full>()

  add({ id, running }: MemberView, retryAfterMs: number, nowMs: number): void {
    const before = this.#all.get(id)
    // Several events that were sent at once are answered at once: that is one time.
    const isAgain = before !== undefined && nowMs >= before.untilMs
    const waitMs = before === undefined ? waitMsMin : isAgain ? Math.min(waitMsMax, before.waitMs * 2) : before.waitMs
    const untilMs = nowMs + Math.max(waitMs, Math.min(retryAfterMs, retryAfterMsMax))
    this.#all.set(id, { untilMs: Math.max(untilMs, before?.untilMs ?? 0), waitMs, running })
  }

  /** It has ended an event: there is room. */
  forget(id: string): void {
    this.#all.delete(id)
  }

  /** Milliseconds until it may be asked again. */
  restMs(id: string, nowMs: number): number {
    return Math.max(0, (this.#all.get(id)?.untilMs ?? 0) - nowMs)
  }

  /** An agent that has since told the registry of another load, with room in it, need not be waited for. */
  hear(agents: readonly MemberView[], nowMs: number): void {
    const byId = new Map(agents.map((agent) => [agent.id, agent]))
    for (const [id, full] of this.#all) {
      const agent = byId.get(id)
      if (agent === undefined) this.#all.delete(id)
      else if (agent.running !== full.running && agent.running < (agent.capacity ?? 1)) {
        this.#all.set(id, { ...full, untilMs: Math.min(full.untilMs, nowMs), running: agent.running })
      }
    }
  }
}
