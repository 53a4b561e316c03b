/** What the API asks of the monitors: registration, detail, stop, notice of death, the log of statuses. */
import { ScopeError } from '../errors.ts'
import { refusalOfUrl } from './guarded-agent.ts'
import { numberOf, readMessageId } from './message-id.ts'
import type { Networks } from './networks.ts'
import type { ProgramLog } from './program-log.ts'
import { type Registration, readRegistration } from './registration.ts'
import type { DeathNotice, RuntimeName, RuntimeRecord } from './runtime-record.ts'
import type { RuntimeStore } from './runtime-store.ts'

/** Namespaces that the caller may touch. */
type Reach = '*' | ReadonlySet<string>

export type DeskParts = {
  readonly runtimes: RuntimeStore
  readonly log: ProgramLog
  readonly networks: Networks
  readonly moreTopics: readonly string[]
  readonly runtimesMax: number
  readonly nowMs: () => number
  /** Something has changed that a monitor should look at soon. */
  readonly onChange: () => void
}

const messageLengthMax = 1_000
const batchSizeMax = 1_000
const batchSizeDefault = 100
const detailsAtOnce = 50

export type RuntimeDesk = ReturnType<typeof createRuntimeDesk>

export function createRuntimeDesk(parts: DeskParts) {
  const { runtimes, log, nowMs } = parts
  return {
    /** @returns the runtime, and whether it is new. @throws ScopeError when it may not be entered */
    async register(body: unknown, reach: Reach) {
      const spec = readRegistration(body, parts.moreTopics)
      mustReach(reach, spec.namespace)
      const refusal = await refusalOfUrl(parts.networks, spec.url)
      if (refusal !== undefined) throw new ScopeError('TARGET_FORBIDDEN', refusal, { path: 'url' })
      const isNew = await enter(parts, spec)
      parts.onChange()
      const name = { id: spec.runtimeId, namespace: spec.namespace }
      const record = await reading(() => runtimes.load(name))
      if (record === undefined) throw new ScopeError('NOT_FOUND')
      return { isNew, runtime: await viewOf(runtimes, name, record) }
    },

    /** All runtimes that the caller reaches, by id. */
    async list(reach: Reach) {
      const names = (await reading(() => runtimes.all())).filter(({ namespace }) => reaches(reach, namespace))
      names.sort((a, b) => (a.id < b.id ? -1 : 1))
      const views: RuntimeDetail[] = []
      for (let at = 0; at < names.length; at += detailsAtOnce) {
        const some = await Promise.all(names.slice(at, at + detailsAtOnce).map((name) => detailOf(runtimes, name)))
        views.push(...some.filter((each) => each !== undefined))
      }
      return { runtimes: views }
    },

    async get(id: string, reach: Reach) {
      const name = await nameOf(runtimes, id, reach)
      const detail = await detailOf(runtimes, name)
      if (detail === undefined) throw new ScopeError('NOT_FOUND')
      return detail
    },

    /** Messages that were refused, or that mean nothing to us. */
    async messages(id: string, which: 'refused' | 'opaque', reach: Reach) {
      const name = await nameOf(runtimes, id, reach)
      return {
        messages: await reading(() => (which === 'refused' ? runtimes.refusedMessages(name) : runtimes.opaqueMessages(name))),
      }
    },

    ...wishes(parts),

    /** @returns `undefined` when there is nothing newer */
    async programStatuses(namespace: string, batchSize: string | undefined, startOffset: string | undefined, reach: Reach) {
      const limit = readBatchSize(batchSize)
      if (startOffset !== undefined && readMessageId(startOffset) === undefined)
        throw new ScopeError('REQUEST_INVALID', 'start_offset must be an offset as it was handed out', { path: 'start_offset' })
      mustReach(reach, namespace)
      const page = await reading(() => log.read(namespace, startOffset, limit, nowMs()), 'STORE_FAILED')
      if (page.messages.length === 0) return undefined
      return {
        namespace,
        start_offset: startOffset ?? null,
        next_offset: page.nextOffset,
        more: page.more,
        messages: page.messages,
      }
    },
  }
}

/** What somebody asks of a runtime. */
function wishes(parts: DeskParts) {
  const { runtimes, nowMs } = parts
  return {
    async remove(id: string, reach: Reach) {
      const name = await nameOf(runtimes, id, reach)
      await reading(() => runtimes.remove(name))
      parts.onChange()
    },

    async stop(id: string, reach: Reach) {
      const name = await nameOf(runtimes, id, reach)
      if (!(await reading(() => runtimes.askStop(name, { askedAtMs: nowMs() })))) throw new ScopeError('RUNTIME_ENDED')
      parts.onChange()
    },

    /** The launcher says that the process of a runtime is gone. */
    async noteProcess(id: string, body: unknown, reach: Reach) {
      const name = await nameOf(runtimes, id, reach)
      const notice = readNotice(body, nowMs())
      if (!(await reading(() => runtimes.noteDeath(name, notice)))) throw new ScopeError('RUNTIME_ENDED')
      parts.onChange()
    },
  }
}

/** Enters a runtime. @returns whether it is new. @throws ScopeError when the store is away */
export async function enter(
  { runtimes, nowMs, runtimesMax }: Pick<DeskParts, 'runtimes' | 'nowMs' | 'runtimesMax'>,
  spec: Registration,
) {
  const outcome = await reading(() => runtimes.register(spec, nowMs(), runtimesMax))
  switch (outcome) {
    case 'created':
      return true
    case 'replaced':
      return false
    case 'ended':
      throw new ScopeError('RUNTIME_ENDED')
    case 'elsewhere':
      throw new ScopeError('RUNTIME_ELSEWHERE')
    case 'full':
      throw new ScopeError('RUNTIMES_LIMIT', undefined, { retryAfterSeconds: 60 })
  }
}

/** A runtime as it is shown: never its token. */
export type RuntimeDetail = Awaited<ReturnType<typeof viewOf>>

async function detailOf(runtimes: RuntimeStore, name: RuntimeName) {
  const record = await reading(() => runtimes.load(name))
  return record === undefined ? undefined : viewOf(runtimes, name, record)
}

async function viewOf(runtimes: RuntimeStore, name: RuntimeName, record: RuntimeRecord) {
  const { spec, poll } = record
  const { holder, fence } = await reading(() => runtimes.holderOf(name))
  return {
    runtimeId: name.id,
    namespace: name.namespace,
    url: spec.url,
    mode: spec.mode,
    engineType: spec.engineType,
    state: record.state,
    owner: holder ?? null,
    leaseEpoch: holder === undefined ? null : fence,
    epoch: record.epoch ?? null,
    registeredAt: record.registeredAtMs,
    lastPollAt: poll.lastPollAtMs ?? null,
    lastSuccessAt: poll.lastSuccessAtMs ?? null,
    failures: poll.failures,
    problem: poll.problem ?? null,
    stop: stopView(record),
    process: processView(record),
    endedAt: record.endedAtMs ?? null,
    detail: record.detail || null,
    topics: topicViews(record),
  }
}

/** How far each topic has been read. Of a runtime that has ended that is forgotten. */
function topicViews({ state, topics }: RuntimeRecord) {
  if (state === 'ENDED') return {}
  const views = [...topics.values()].map(({ topic, committed, latest }) => {
    return [topic, { offset: committed, latest, behind: Math.max(0, numberOf(latest) - numberOf(committed)) }] as const
  })
  return Object.fromEntries(views)
}

function processView({ dead }: RuntimeRecord) {
  if (dead === undefined) return null
  return { alive: false, noticedAt: dead.noticedAtMs, exitCode: dead.exitCode ?? null, message: dead.message ?? null }
}

function stopView(record: RuntimeRecord) {
  const { stop } = record
  if (stop === undefined) return null
  return { askedAt: stop.askedAtMs, sentAt: stop.sentAtMs ?? null, answer: stop.says ?? stopAnswer(record) }
}

function stopAnswer({ state }: RuntimeRecord): string | null {
  if (state === 'UNREACHABLE') return 'the runtime does not answer'
  return state === 'ENDED' ? 'the runtime has ended meanwhile' : null
}

async function nameOf(runtimes: RuntimeStore, id: string, reach: Reach): Promise<RuntimeName> {
  const namespace = await reading(() => runtimes.namespaceOf(id))
  if (namespace === undefined || !reaches(reach, namespace)) throw new ScopeError('NOT_FOUND')
  return { id, namespace }
}

function readNotice(body: unknown, nowMs: number): DeathNotice {
  const given = typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {}
  if (given['alive'] !== false) throw new ScopeError('REQUEST_INVALID', 'alive must be false', { path: 'alive' })
  const { exitCode, message } = given
  return {
    noticedAtMs: nowMs,
    ...(typeof exitCode === 'number' && Number.isInteger(exitCode) ? { exitCode } : {}),
    ...(typeof message === 'string' ? { message: message.slice(0, messageLengthMax) } : {}),
  }
}

function readBatchSize(text: string | undefined): number {
  if (text === undefined) return batchSizeDefault
  if (!/^\d{1,15}$/.test(text) || Number(text) < 1)
    throw new ScopeError('REQUEST_INVALID', `batchsize must be 1..${batchSizeMax}`, { path: 'batchsize' })
  return Math.min(Number(text), batchSizeMax)
}

const reaches = (reach: Reach, namespace: string) => reach === '*' || reach.has(namespace)

function mustReach(reach: Reach, namespace: string): void {
  if (!reaches(reach, namespace)) throw new ScopeError('NAMESPACE_FORBIDDEN', undefined, { path: 'namespace' })
}

async function reading<T>(run: () => Promise<T>, code: 'REDIS_UNAVAILABLE' | 'STORE_FAILED' = 'REDIS_UNAVAILABLE'): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof ScopeError) throw cause
    throw new ScopeError(code, undefined, { cause })
  }
}
