import type { MemberClient } from '../http/member-client.ts'
import { AgentCheck } from '../registry/agent-check.ts'
import type { MemberView } from '../registry/member.ts'
import { paced } from '../registry/paced.ts'
import type { Registry } from '../registry/registry.ts'
import { FullAgents } from './full-agents.ts'

/** What became of an agent that has an event of ours. `gone`: it is in the registry no more, which is how one leaves. */
export type AgentFate = 'here' | 'gone' | 'lost'

export type AgentsOptions = {
  readonly registry: Registry
  readonly client: MemberClient
  readonly onQuarantine: (agent: MemberView, found: string) => void
  readonly onTrouble: (error: unknown) => void
}

/** Whom a node may go to. */
export type Picked = { readonly agent: MemberView | undefined; readonly isAnyLive: boolean; readonly againMs: number }

const readEveryMs = 100
/** More than any share of a capacity. */
const triedRank = 1_000

/** The agents as this dispatcher knows them: who may get work, who is full, who is lost. */
export class Agents {
  readonly #options: AgentsOptions
  readonly #check: AgentCheck
  /** Those that wait for a place, and those that wait for news of the registry alone. */
  readonly #placeWaiters = new Set<() => void>()
  readonly #newsWaiters = new Set<() => void>()
  readonly #inFlight = new Map<string, number>()
  readonly #full = new FullAgents()
  readonly #paced: ReturnType<typeof paced>
  readonly #unwatch: () => void
  #all: readonly MemberView[] = []
  #isReading = false
  #isAsked = false
  #servedBefore = ''
  /** Called when other algorithms can be served than before: only then another process may be eligible. */
  onServed: () => void = () => undefined

  constructor(options: AgentsOptions) {
    this.#options = options
    this.#check = new AgentCheck(options.client, options.onQuarantine, () => this.#tell())
    // Every load that changes is a change of the registry: what is new is read soon enough ten times a second.
    this.#paced = paced(() => void this.read(), readEveryMs)
    this.#unwatch = options.registry.watch(this.#paced.ask)
  }

  close(): void {
    this.#unwatch()
    this.#paced.stop()
  }

  /** Reads the registry. While it is away, what was known stays. */
  async read(): Promise<void> {
    if (this.#isReading) {
      this.#isAsked = true
      return
    }
    this.#isReading = true
    do {
      this.#isAsked = false
      try {
        this.#all = await this.#options.registry.list('agent')
        this.#full.hear(this.#all, performance.now())
        this.#check.look(this.#all, performance.now())
        this.#tell()
      } catch (error) {
        this.#options.onTrouble(error)
      }
    } while (this.#isAsked)
    this.#isReading = false
  }

  /** Algorithms with an agent that may get work, full or not. */
  served(): string[] {
    return [...new Set(this.#all.flatMap((agent) => (this.#mayWork(agent) && agent.algorithm ? [agent.algorithm.key] : [])))]
  }

  /**
   * The least busy agent with room, those that were tried before last. When none has room: whether there is any at all, and after how
   * many milliseconds one that was full may be asked again.
   */
  pick(algorithm: string, tried: ReadonlySet<string>): Picked {
    const nowMs = performance.now()
    const live = this.#all.filter((agent) => agent.algorithm?.key === algorithm && this.#mayWork(agent))
    const open = live.filter((agent) => this.#sent(agent) < (agent.capacity ?? 1))
    const free = open.filter(({ id }) => this.#full.restMs(id, nowMs) === 0)
    const [agent] = free
      .map((each) => ({ each, rank: (tried.has(each.id) ? triedRank : 0) + this.#busyShare(each) }))
      // Dispatchers that know the same must not all choose the same: equals are drawn.
      .sort((a, b) => a.rank - b.rank || Math.random() - 0.5)
    const againMs = Math.min(...open.map(({ id }) => this.#full.restMs(id, nowMs)))
    return { agent: agent?.each, isAnyLive: live.length > 0, againMs }
  }

  /** An event was sent; the answer says when it is over, and whether it had a place at the agent, which is free now. */
  begin(agent: MemberView): (hadPlace: boolean) => void {
    this.#inFlight.set(agent.id, this.#sent(agent) + 1)
    return (hadPlace) => {
      this.#inFlight.set(agent.id, this.#sent(agent) - 1)
      if (this.#sent(agent) <= 0) this.#inFlight.delete(agent.id)
      if (hadPlace) this.#full.forget(agent.id)
      for (const done of [...this.#placeWaiters]) done()
    }
  }

  /** An agent has said that it is full, and after how long it wants to be asked again. */
  leaveAlone(agent: MemberView, retryAfterMs: number): void {
    this.#full.add(agent, retryAfterMs, performance.now())
  }

  fateOf({ id, incarnation }: MemberView): AgentFate {
    const now = this.#all.find((agent) => agent.id === id)
    if (now === undefined) return 'gone'
    // A later start knows nothing of what the one before was given.
    return now.state === 'lost' || now.incarnation !== incarnation ? 'lost' : 'here'
  }

  /** Finds one agent by its id. */
  find(id: string): MemberView | undefined {
    return this.#all.find((agent) => agent.id === id && this.#mayWork(agent))
  }

  /** Resolves when there may be a place where there was none, or after so long. */
  placed(withinMs: number): Promise<void> {
    return nextOf(this.#placeWaiters, withinMs)
  }

  /** Resolves when the registry was read anew, or after so long. */
  news(withinMs: number): Promise<void> {
    return nextOf(this.#newsWaiters, withinMs)
  }

  #mayWork(agent: MemberView): boolean {
    return agent.state === 'live' && this.#check.isFit(agent)
  }

  #busyShare(agent: MemberView): number {
    return Math.max(agent.running, this.#sent(agent)) / (agent.capacity ?? 1)
  }

  #sent({ id }: MemberView): number {
    return this.#inFlight.get(id) ?? 0
  }

  #tell(): void {
    for (const done of [...this.#placeWaiters, ...this.#newsWaiters]) done()
    const served = this.served().sort().join()
    if (served === this.#servedBefore) return
    this.#servedBefore = served
    this.onServed()
  }
}

/** Resolves with the next call of all that wait, or after so long. */
function nextOf(waiters: Set<() => void>, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waiters.delete(done)
      resolve()
    }
    const timer = setTimeout(done, withinMs)
    waiters.add(done)
  })
}
