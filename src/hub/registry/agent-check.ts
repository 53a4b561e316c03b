import type { MemberClient } from '../http/member-client.ts'
import { readAlgorithm } from '../model/algorithm.ts'
import type { MemberView } from './member.ts'

/** What was found at an agent's own address. `unknown`: it was not asked yet, or did not answer. */
type Finding = { incarnation: string; isFit: boolean | undefined; checkedMs: number; isAsking: boolean }

const checkEveryMs = 30_000
/** One that did not answer is asked again after this. */
const askAgainMs = 1_000

/** Holds agents against their registration: one that offers something else gets no work. */
export class AgentCheck {
  readonly #client: MemberClient
  readonly #onQuarantine: (agent: MemberView, found: string) => void
  readonly #onFit: () => void
  #findings = new Map<string, Finding>()

  /**
   * @param onQuarantine told once per agent that is found to be another than it says
   * @param onFit told when an agent has become fit for work
   */
  constructor(client: MemberClient, onQuarantine: (agent: MemberView, found: string) => void, onFit: () => void) {
    this.#client = client
    this.#onQuarantine = onQuarantine
    this.#onFit = onFit
  }

  /** Asks those that are new, and the others every 30 s. Agents that are gone are forgotten. */
  look(agents: readonly MemberView[], nowMs: number): void {
    const findings = new Map<string, Finding>()
    for (const agent of agents) {
      const known = this.#findings.get(agent.id)
      const finding =
        known?.incarnation === agent.incarnation
          ? known
          : { incarnation: agent.incarnation, isFit: undefined, checkedMs: Number.NEGATIVE_INFINITY, isAsking: false }
      findings.set(agent.id, finding)
      const dueMs = finding.checkedMs + (finding.isFit === undefined ? askAgainMs : checkEveryMs)
      if (agent.state === 'live' && !finding.isAsking && nowMs >= dueMs) void this.#ask(agent, finding, nowMs)
    }
    this.#findings = findings
  }

  /** Whether an agent may get work: it has answered, and offers what it said. */
  isFit({ id, incarnation }: MemberView): boolean {
    const finding = this.#findings.get(id)
    return finding?.incarnation === incarnation && finding.isFit === true
  }

  isQuarantined({ id, incarnation }: MemberView): boolean {
    const finding = this.#findings.get(id)
    return finding?.incarnation === incarnation && finding.isFit === false
  }

  async #ask(agent: MemberView, finding: Finding, nowMs: number): Promise<void> {
    finding.isAsking = true
    finding.checkedMs = nowMs
    const found = await this.#algorithmAt(agent)
    finding.isAsking = false
    if (found === undefined) return
    const wasFit = finding.isFit
    finding.isFit = found === agent.algorithm?.key
    if (!finding.isFit && wasFit !== false) this.#onQuarantine(agent, found)
    if (finding.isFit && wasFit !== true) this.#onFit()
  }

  /** Undefined when nothing was learnt. */
  async #algorithmAt(agent: MemberView): Promise<string | undefined> {
    try {
      const { status, body } = await this.#client.get(`${agent.url}/agent/algorithm`)
      if (status >= 500 || status === 429) return undefined
      return status === 200 ? readAlgorithm(body).key : `nothing (status ${status})`
    } catch {
      return undefined
    }
  }
}
