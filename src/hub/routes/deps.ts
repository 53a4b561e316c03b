import type { Flow } from '../model/flow.ts'
import type { MemberView } from '../registry/member.ts'
import type { FlowStore } from '../store/flows.ts'
import type { HubQueries } from '../store/hub-queries.ts'
import type { HubStore } from '../store/hub-store.ts'

/** What the routes of the hub are made of. */
export type HubApiDeps = {
  readonly store: HubStore
  readonly queries: HubQueries
  readonly flows: FlowStore
  readonly members: () => Promise<readonly MemberView[]>
  readonly isQuarantined: (agent: MemberView) => boolean
  /** A process was put into the queue. */
  readonly onSubmitted: (process: { readonly key: string; readonly isAdhoc: boolean }, flow: Flow) => void
  /** Something may have ended that no dispatcher reports. */
  readonly onEnded: () => void
}
