/** A runtime as it is stored, and how it is read back. */
import type { TopicState } from './distrust.ts'
import type { ProgramRun, ProgramStatus } from './program-status.ts'
import type { Registration } from './registration.ts'

export const runtimeStates = ['ACTIVE', 'FINISHING', 'UNREACHABLE', 'ENDED'] as const
export type RuntimeState = (typeof runtimeStates)[number]

/** Names a runtime in the store. */
export type RuntimeName = { readonly namespace: string; readonly id: string }

/** How polling goes; shown in the detail. */
export type PollFacts = {
  readonly lastPollAtMs?: number
  readonly lastSuccessAtMs?: number
  readonly failures: number
  readonly problem?: string
}

export type StopWish = { readonly askedAtMs: number; readonly sentAtMs?: number; readonly says?: string }
export type DeathNotice = { readonly noticedAtMs: number; readonly exitCode?: number; readonly message?: string }

/** A runtime as it is stored. */
export type RuntimeRecord = {
  readonly spec: Registration
  readonly state: RuntimeState
  readonly registeredAtMs: number
  /** Names this registration: the same id, deleted and entered again, has another. */
  readonly born: string
  readonly epoch: string | undefined
  readonly topics: ReadonlyMap<string, TopicState>
  readonly statuses: ReadonlyMap<string, ProgramStatus>
  readonly program: ProgramRun | undefined
  readonly poll: PollFacts
  readonly stop: StopWish | undefined
  readonly dead: DeathNotice | undefined
  /** The last status of the run is committed; what remains is to say good-bye. */
  readonly isEnding: boolean
  readonly endedAtMs: number | undefined
  readonly detail: string | undefined
}

/** @returns `undefined` where there is none */
export function recordOf(hash: Readonly<Record<string, string>>): RuntimeRecord | undefined {
  const { spec, token } = hash
  if (spec === undefined) return undefined
  const json = <T>(text: string | undefined): T | undefined => (text === undefined ? undefined : (JSON.parse(text) as T))
  const registration = JSON.parse(spec) as Registration
  const topics = registration.topics.map((topic): [string, TopicState] => {
    const committed = hash[`o:${topic}`] || null
    const generation = Number(hash[`g:${topic}`] ?? 0)
    return [topic, { topic, committed, read: committed, latest: hash[`l:${topic}`] || null, generation }]
  })
  return {
    spec: { ...registration, token: token === '' ? undefined : token },
    state: (hash['state'] ?? 'ACTIVE') as RuntimeState,
    born: hash['born'] ?? '',
    registeredAtMs: Number(hash['registeredAtMs'] ?? 0),
    epoch: hash['epoch'],
    topics: new Map(topics),
    statuses: new Map(json<[string, ProgramStatus][]>(hash['statuses']) ?? []),
    program: json(hash['program']),
    poll: json<PollFacts>(hash['poll']) ?? { failures: 0 },
    stop: json(hash['stop']),
    dead: json(hash['dead']),
    isEnding: hash['ending'] === '1',
    endedAtMs: hash['endedAtMs'] === undefined ? undefined : Number(hash['endedAtMs']),
    detail: hash['detail'],
  }
}
