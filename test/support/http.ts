type Payload = string | Uint8Array

/** An answer, with its text as it came. */
export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON. @throws naming status and text when it is none */
  readonly json: <T = unknown>() => T
}

export type HttpClient = {
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>
  /** Strings and bytes are sent as they are, anything else as JSON. */
  readonly post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  readonly delete: (path: string, headers?: Record<string, string>) => Promise<Answer>
}

/** A small client that takes every status for an answer. @param baseUrl e.g. `http://127.0.0.1:7717` */
export function httpClient(baseUrl: string, options: { token?: string; timeoutMs?: number } = {}): HttpClient {
  const authorization = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }

  const send = async (method: string, path: string, headers: Record<string, string>, body?: Payload): Promise<Answer> => {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: { ...authorization, ...headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(options.timeoutMs ?? 10_000),
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: <T>() => parse(text, response.status) as T }
  }

  return {
    get: (path, headers = {}) => send('GET', path, headers),
    post: (path, body, headers = {}) => send('POST', path, { 'content-type': 'application/json', ...headers }, payloadOf(body)),
    delete: (path, headers = {}) => send('DELETE', path, headers),
  }
}

function payloadOf(body: unknown): Payload | undefined {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined
  return isRaw ? body : JSON.stringify(body)
}

function parse(text: string, status: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`the answer ${status} is not JSON: ${text.slice(0, 500)}`, { cause })
  }
}
