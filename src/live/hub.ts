import type { ServerResponse } from 'node:http'
import { ScopeError } from '../errors.ts'
import type { Shard } from '../jobs/keys.ts'
import type { Queries } from '../jobs/queries/queries.ts'
import { reaches } from '../jobs/queries/reach.ts'
import { isTailCursor } from '../jobs/queries/tail.ts'
import type { ScopeEvent } from '../jobs/records.ts'
import type { KnownRuns } from '../jobs/run-history.ts'
import { LiveClient } from './client.ts'
import { type Frame, frameOf } from './frame.ts'
import { defaultLiveLimits, type EndReason, type LiveLimits } from './limits.ts'
import { LogPump } from './log-pump.ts'
import type { StreamWish } from './wish.ts'

/** Hands every event of every shard, in order, to the listener until the function it gives back is called. */
export type Follow = (listener: (shard: Shard, events: readonly ScopeEvent[]) => void) => () => void

export type LiveHubOptions = {
  readonly follow: Follow
  readonly queries: Pick<Queries, 'getJobRecord' | 'getTail'>
  /** What earlier runs were like, for the time left. */
  readonly runs?: KnownRuns | undefined
  readonly limits?: Partial<LiveLimits> | undefined
  /** Told why a client was let go, for counting. */
  readonly onEnd?: (reason: EndReason) => void
  /** Told of a read that failed; the client concerned is let go and comes back. */
  readonly onFault: (error: unknown) => void
}

const retryAfterSeconds = 5

/** Sends what changes to every client that may see it: the newest state of each thing, gathered for a moment. */
export class LiveHub {
  readonly #queries: LiveHubOptions['queries']
  readonly #runs: KnownRuns
  readonly #limits: LiveLimits
  readonly #onEnd: (reason: EndReason) => void
  readonly #onFault: (error: unknown) => void
  readonly #clients = new Set<LiveClient>()
  readonly #pumps = new Map<LiveClient, LogPump>()
  readonly #gathered = new Map<string, Frame>()
  readonly #stopFollowing: () => void
  readonly #heartbeat: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: LiveHubOptions) {
    this.#queries = options.queries
    this.#runs = options.runs ?? (() => undefined)
    this.#limits = { ...defaultLiveLimits, ...options.limits }
    this.#onEnd = options.onEnd ?? (() => undefined)
    this.#onFault = options.onFault
    this.#stopFollowing = options.follow((_shard, events) => this.#gather(events))
    this.#heartbeat = setInterval(() => {
      for (const client of this.#clients) client.beat()
    }, this.#limits.heartbeatMs).unref()
  }

  get clientCount(): number {
    return this.#clients.size
  }

  /**
   * Answers a request with the stream. For one job it begins with the job as it is now.
   * @throws ScopeError BUSY, SHUTTING_DOWN or REQUEST_INVALID; then nothing has been written
   */
  open(response: ServerResponse, wish: StreamWish): void {
    if (this.#isClosed) throw new ScopeError('SHUTTING_DOWN', undefined, { retryAfterSeconds })
    if (this.#clients.size >= this.#limits.clientsMax)
      throw new ScopeError('BUSY', 'There are too many clients of the event stream.', { retryAfterSeconds })
    if (wish.after !== undefined && !isTailCursor(wish.after))
      throw new ScopeError('REQUEST_INVALID', 'after is no resumeCursor of a log tail.', { path: 'after' })
    const client = new LiveClient(response, wish, this.#limits, (ended, reason) => this.#forget(ended, reason))
    this.#clients.add(client)
    const { namespace, jobId } = wish
    if (namespace === undefined || jobId === undefined || !reaches(wish.reach, namespace)) return
    this.#guarded(client, () => this.#begin(client, namespace, jobId))
  }

  /** Ends every stream; clients come back to whoever answers then. */
  close(): void {
    this.#isClosed = true
    this.#stopFollowing()
    clearInterval(this.#heartbeat)
    clearTimeout(this.#timer)
    for (const client of [...this.#clients]) client.end('shutdown')
  }

  async #begin(client: LiveClient, namespace: string, jobId: string): Promise<void> {
    const pump = new LogPump(client, this.#queries, { namespace, jobId, after: client.wish.after }, this.#limits.linesPerRead)
    await pump.begin()
    if (client.isEnded) return
    // From here on changes are followed, so none falls between them and what is read now.
    this.#pumps.set(client, pump)
    client.onDrain = () => this.#guarded(client, () => pump.run())
    const record = await this.#queries.getJobRecord(namespace, jobId)
    if (record === undefined) return
    client.send([frameOf({ kind: 'job', record }, this.#runs)])
    await pump.run()
  }

  #gather(events: readonly ScopeEvent[]): void {
    if (this.#clients.size === 0) return
    for (const event of events) {
      const frame = frameOf(event, this.#runs)
      this.#gathered.set(frame.key, frame)
    }
    if (this.#gathered.size > 0) this.#timer ??= setTimeout(() => this.#sendGathered(), this.#limits.gatherMs)
  }

  #sendGathered(): void {
    this.#timer = undefined
    const frames = [...this.#gathered.values()]
    this.#gathered.clear()
    for (const client of [...this.#clients]) {
      const wanted = frames.filter((frame) => client.wants(frame.event))
      client.send(wanted)
      const pump = this.#pumps.get(client)
      if (pump !== undefined && wanted.some(({ event }) => event.kind === 'job' && pump.isBehind(event.record.tailNo)))
        this.#guarded(client, () => pump.run())
    }
  }

  #guarded(client: LiveClient, read: () => Promise<void>): void {
    read().catch((error: unknown) => {
      this.#onFault(error)
      client.end('read_failed')
    })
  }

  #forget(client: LiveClient, reason: EndReason): void {
    this.#clients.delete(client)
    this.#pumps.delete(client)
    this.#onEnd(reason)
  }
}
