import { setTimeout as pause } from 'node:timers/promises'
import type { HttpAnswer } from '../answer.ts'
import { backoffMs } from '../backoff.ts'
import { apiRoute } from '../options.ts'
import { textOf } from '../problems.ts'
import { httpTransport } from '../transport.ts'

/** Where notices go. */
export type NoticeTarget = {
  /** Where the aggregator listens, e.g. `http://127.0.0.1:7717`. */
  readonly url: string
  /** Bearer token with the role `report` for the namespace. */
  readonly token?: string | undefined
  /** Ends the tries. */
  readonly signal?: AbortSignal | undefined
  /** How long it is tried. Default 5 min. */
  readonly timeoutMs?: number | undefined
  /** Whether waiting for the next try keeps the process alive. Default true. */
  readonly holdsProcess?: boolean | undefined
}

/** A run that is to be fetched from. */
export type RuntimeRegistration = {
  readonly runtimeId: string
  /** Default `default`. */
  readonly namespace?: string | undefined
  /** Where the runtime listens. */
  readonly url: string
  /** Default `batch`. */
  readonly mode?: 'batch' | 'per-topic' | undefined
  /** Default: the standard topics. `task.running:2` has two partitions. */
  readonly topics?: readonly string[] | undefined
  /** What monitors show the runtime; never given out again. */
  readonly token?: string | undefined
  /** Default `cdap`. */
  readonly engineType?: string | undefined
}

/** What became of a notice. */
export type NoticeOutcome = {
  readonly taken: boolean
  /** Why not: the aggregator's code, e.g. `CONFLICT`; `UNREACHABLE`, `ABORTED`, `URL_INVALID`. */
  readonly code?: string
  readonly message?: string
}

const requestTimeoutMs = 10_000
const retry = { baseMs: 500, maxMs: 30_000 }
/** Errors of the moment: the same notice may be taken later. */
const passing: ReadonlySet<number> = new Set([408, 425, 429])

/**
 * The launcher's notice that a run is there to be fetched from. Tried until it is answered; said twice it is one. Never rejects.
 *
 * @example
 * await registerRuntime({ url: 'http://127.0.0.1:7717' }, { runtimeId: 'run-7f3c', url: 'http://127.0.0.1:11015' })
 */
export function registerRuntime(target: NoticeTarget, registration: RuntimeRegistration): Promise<NoticeOutcome> {
  return notify(target, '/api/v1/runtimes', { namespace: 'default', ...registration }, () => {})
}

/** The launcher's notice that the process of a run is gone. Tried until it is answered. Never rejects. */
export function reportProcessEnd(
  target: NoticeTarget,
  runtimeId: string,
  end: { readonly exitCode?: number | undefined; readonly message?: string | undefined } = {},
): Promise<NoticeOutcome> {
  return notify(target, `/api/v1/runtimes/${encodeURIComponent(runtimeId)}/process`, { alive: false, ...end }, () => {})
}

/** Posts a notice until it is answered. @param onFailure told of each try that failed and is repeated */
export async function notify(
  target: NoticeTarget,
  path: string,
  body: unknown,
  onFailure: (outcome: NoticeOutcome) => void,
): Promise<NoticeOutcome> {
  const route = apiRoute(target?.url, path)
  if (route === undefined) return { taken: false, code: 'URL_INVALID', message: 'the address of the aggregator cannot be used' }
  const { signal, timeoutMs = 300_000, holdsProcess: ref = true } = target
  const stop = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])])
  const transport = httpTransport(route, target.token, requestTimeoutMs)
  const bytes = Buffer.from(JSON.stringify(body))
  let last: NoticeOutcome = { taken: false, code: 'ABORTED' }
  try {
    for (let failures = 0; !stop.aborted; failures++) {
      const { outcome, isFinal, retryAfterMs } = judge(
        await transport.post({ bytes, isCompressed: false }).catch((error: unknown) => textOf(error)),
      )
      if (isFinal) return outcome
      last = outcome
      onFailure(outcome)
      const waitMs = backoffMs(failures, retry, retryAfterMs, Math.random)
      await pause(waitMs, undefined, { signal: stop, ref }).catch(() => undefined)
    }
    return last
  } finally {
    transport.close()
  }
}

function judge(answer: HttpAnswer | string): { outcome: NoticeOutcome; isFinal: boolean; retryAfterMs: number | undefined } {
  if (typeof answer === 'string') {
    return { outcome: { taken: false, code: 'UNREACHABLE', message: answer }, isFinal: false, retryAfterMs: undefined }
  }
  const { status, retryAfterMs } = answer
  if (status >= 200 && status < 300) return { outcome: { taken: true }, isFinal: true, retryAfterMs }
  const isFinal = status >= 300 && status < 500 && !passing.has(status)
  return { outcome: { taken: false, ...errorOf(answer) }, isFinal, retryAfterMs }
}

function errorOf({ status, body }: HttpAnswer): { code: string; message: string } {
  try {
    const { code, message } = (JSON.parse(body) as { error: { code: unknown; message: unknown } }).error
    if (typeof code === 'string') return { code: code.slice(0, 64), message: String(message).slice(0, 300) }
  } catch {
    // A proxy may have answered: the status says what there is to say.
  }
  return { code: `HTTP_${status}`, message: `answered ${status}` }
}
