/** The query API: everything that can be read over HTTP, its description, and the pages for people. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Router } from 'express'
import type { Queries } from '../jobs/queries/queries.ts'
import type { Reach } from '../jobs/queries/reach.ts'

export type ApiRole = 'read' | 'report' | 'admin'

/**
 * Who a request is from, and what it may reach.
 * @throws ScopeError TOKEN_MISSING, TOKEN_INVALID, ROLE_MISSING or RATE_LIMITED
 */
export type AccessCheck = (request: IncomingMessage, role: ApiRole) => { readonly namespaces: Reach }

/** What a client of the event stream wants to hear. */
export type StreamWish = {
  readonly reach: Reach
  readonly namespace?: string | undefined
  readonly jobId?: string | undefined
  /** Log cursor behind which the lines of the job begin; absent = lines from now on. */
  readonly after?: string | undefined
}

/** @throws ScopeError BUSY when there are too many clients; then nothing has been written yet */
export type LiveDoor = { open(response: ServerResponse, wish: StreamWish): void }

/** Lines of a job out of Loki. */
export type LokiLogs = (query: {
  readonly namespace: string
  readonly jobId: string
  readonly limit: number
  readonly after?: string | undefined
  readonly levels?: readonly string[] | undefined
  readonly order: 'asc' | 'desc'
  /** Inclusive. */
  readonly fromMs?: number | undefined
  /** Exclusive. */
  readonly toMs?: number | undefined
}) => Promise<{
  readonly lines: readonly {
    readonly ts: string
    readonly level: string
    readonly line: string
    readonly execId?: string
    readonly engine: string
    readonly fields: Readonly<Record<string, string>>
  }[]
  readonly nextCursor?: string
  /** Where the page ended, for following. */
  readonly cursor?: string
}>

/** Whether a caller may touch the lines of a namespace; `undefined` is asked for what could not be read. */
export type MayTouch = (namespace: string | undefined) => boolean

/** Which dead letters a change is about, of those that the caller may touch. */
export type DeadLetterChoice = { readonly ids: readonly string[] | 'all'; readonly may: MayTouch }

/** Lines that Loki refuses for good. */
export type DeadLetters = {
  list(query: {
    readonly limit: number
    readonly after?: string | undefined
    readonly may: MayTouch
  }): Promise<{ readonly deadLetters: readonly unknown[]; readonly nextCursor?: string }>
  /** Puts lines back into the outbox. @returns how many */
  replay(choice: DeadLetterChoice): Promise<number>
  /** Deletes lines. @returns how many */
  drop(choice: DeadLetterChoice): Promise<number>
}

export type Readiness = { readonly ready: boolean; readonly reasons: readonly string[] }

/** Runtimes whose messages are fetched, and the statuses of their runs. Bodies are checked by whoever stands behind it. */
export type RuntimesDoor = {
  register(body: unknown, reach: Reach): Promise<{ readonly isNew: boolean; readonly runtime: unknown }>
  list(reach: Reach): Promise<unknown>
  get(id: string, reach: Reach): Promise<unknown>
  messages(id: string, which: 'refused' | 'opaque', reach: Reach): Promise<unknown>
  remove(id: string, reach: Reach): Promise<void>
  stop(id: string, reach: Reach): Promise<void>
  noteProcess(id: string, body: unknown, reach: Reach): Promise<void>
  /** @returns `undefined` when there is nothing newer */
  programStatuses(
    namespace: string,
    batchSize: string | undefined,
    startOffset: string | undefined,
    reach: Reach,
  ): Promise<unknown>
}

export type ApiDeps = {
  readonly version: string
  readonly queries: Queries
  readonly access: AccessCheck
  readonly live: LiveDoor
  readonly readiness: () => Readiness
  readonly deadLetters: DeadLetters
  /** Absent = runtimes are not fetched from here. */
  readonly runtimes?: RuntimesDoor | undefined
  /** Absent = no Loki is configured. */
  readonly lokiLogs?: LokiLogs | undefined
  /** JSON Schema of one report, for the description of the ingest route. */
  readonly reportJsonSchema: Readonly<Record<string, unknown>>
  /** Told of every fault of our own, once, with the id the client was given. */
  readonly onFault: (error: unknown, requestId: string) => void
  /** Paths of the OpenAPI document that other parts serve, added to those of this one. */
  readonly morePaths?: Readonly<Record<string, unknown>> | undefined
  /** Routers of other parts, asked after this one and before the 404. */
  readonly moreRouters?: readonly Router[] | undefined
  /** Further links of the landing page, e.g. the console and Grafana. */
  readonly links?: readonly { readonly href: string; readonly name: string; readonly about: string }[] | undefined
}
