import type { Target } from '../target.ts'

const requestTimeoutMs = 15_000

/** The aggregator said no, or nothing. */
export class QueryFailure extends Error {
  override readonly name = 'QueryFailure'
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined
  /** Code of the aggregator's error table. */
  readonly code: string | undefined

  constructor(message: string, details: { status?: number; code?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.status = details.status
    this.code = details.code
  }

  /** It may be different in a moment: there was no answer, or the aggregator or what it needs is away. */
  get mayPass(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500
  }
}

export type Answer<T> = {
  readonly body: T
  /** The aggregator's clock, for ages. */
  readonly nowMs: number
}

/** Asks the aggregator. Arguments that are undefined are left out. @throws QueryFailure */
export async function ask<T>(
  target: Target,
  path: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
): Promise<Answer<T>> {
  const response = await answerOf(target, urlOf(target, path, query))
  const text = await response.text().catch((cause: unknown) => {
    throw new QueryFailure(`the answer of ${target.url} broke off`, { cause })
  })
  const body = jsonOf(text)
  if (!response.ok) throw refusal(response.status, body, target)
  if (body === undefined) throw new QueryFailure(`what answers at ${target.url} is not Enginescope`, { status: response.status })
  const date = Date.parse(response.headers.get('date') ?? '')
  return { body: body as T, nowMs: Number.isNaN(date) ? Date.now() : date }
}

/** Path of a job, its parts encoded. */
function jobPathOf(namespace: string, jobId: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/jobs/${encodeURIComponent(jobId)}`
}

function urlOf({ url }: Target, path: string, query: Readonly<Record<string, string | number | undefined>>): URL {
  const full = new URL(`${url.replace(/\/+$/, '')}${path}`)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) full.searchParams.set(name, String(value))
  return full
}

async function answerOf({ token, url }: Target, full: URL): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    return await fetch(full, { headers, redirect: 'error', signal: AbortSignal.timeout(requestTimeoutMs) })
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
    throw new QueryFailure(`${url} cannot be reached: ${why}`, { cause })
  }
}

function refusal(status: number, body: unknown, { url }: Target): QueryFailure {
  const { code, message } = (body as { error?: { code?: string; message?: string } } | undefined)?.error ?? {}
  if (code === undefined) return new QueryFailure(`${url} answered ${status}`, { status })
  return new QueryFailure(`${message ?? 'refused'} (${code})`, { status, code })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** As {@link ask}, about one job. @throws QueryFailure that names the job when there is none */
export async function askOfJob<T>(
  target: Target,
  namespace: string,
  jobId: string,
  rest = '',
  query: Readonly<Record<string, string | number | undefined>> = {},
): Promise<Answer<T>> {
  try {
    return await ask<T>(target, `${jobPathOf(namespace, jobId)}${rest}`, query)
  } catch (error) {
    if (!(error instanceof QueryFailure) || error.code !== 'NOT_FOUND') throw error
    const details = { status: 404, code: error.code, cause: error }
    throw new QueryFailure(`there is no job ${jobId} in the namespace ${namespace}`, details)
  }
}
