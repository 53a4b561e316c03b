import { ScopeError } from '../../../errors.ts'

/** What the adapter uses of Consul's HTTP API; `token` is sent as X-Consul-Token. */
export type ConsulClient = {
  /** @returns whether Consul knew what was spoken of */
  readonly put: (path: string, body?: unknown) => Promise<boolean>
  /** A blocking query ends by `signal`. */
  readonly get: (path: string, signal?: AbortSignal) => Promise<{ readonly body: unknown; readonly index: number }>
}

const timeoutMs = 5_000
/** A blocking query may take its whole wait and a sixteenth of it more, by Consul's documentation. */
const blockingMs = 70_000

/** @throws ScopeError BUSY from every call that Consul does not answer */
export function consulClient(url: string, token: string | undefined): ConsulClient {
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { 'x-consul-token': token }) }
  const call = async (path: string, init: RequestInit, signal: AbortSignal): Promise<Response> => {
    try {
      return await fetch(`${url}${path}`, { ...init, headers, redirect: 'error', signal })
    } catch (error) {
      throw new ScopeError('BUSY', 'Consul does not answer.', { cause: error, retryAfterSeconds: 1 })
    }
  }
  return {
    async put(path, body) {
      const init = { method: 'PUT', ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      const response = await call(path, init, AbortSignal.timeout(timeoutMs))
      await response.arrayBuffer()
      if (response.status === 404) return false
      if (!response.ok) throw new ScopeError('BUSY', `Consul answered ${response.status}.`, { retryAfterSeconds: 1 })
      return true
    },
    async get(path, signal) {
      const until =
        signal === undefined ? AbortSignal.timeout(timeoutMs) : AbortSignal.any([signal, AbortSignal.timeout(blockingMs)])
      const response = await call(path, {}, until)
      if (!response.ok) throw new ScopeError('BUSY', `Consul answered ${response.status}.`, { retryAfterSeconds: 1 })
      return { body: await response.json(), index: Number(response.headers.get('x-consul-index') ?? 0) }
    },
  }
}
