/** How members call each other: JSON, no redirects, bounded time and size. */

export type MemberAnswer = {
  readonly status: number
  /** Undefined when the body is no JSON, or is larger than it may be. */
  readonly body: unknown
  readonly retryAfterMs: number | undefined
}

export type MemberClient = {
  readonly get: (url: string) => Promise<MemberAnswer>
  readonly post: (url: string, body: unknown) => Promise<MemberAnswer>
  readonly delete: (url: string) => Promise<MemberAnswer>
}

export type MemberClientOptions = {
  readonly token: string | undefined
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}

/** @returns calls that reject when no answer came: nobody listens, the time was up */
export function memberClient({ token, timeoutMs, bodyBytesMax }: MemberClientOptions): MemberClient {
  const login = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const call = async (url: string, init: RequestInit): Promise<MemberAnswer> => {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
    const text = await boundedText(response, bodyBytesMax)
    return { status: response.status, body: parsed(text), retryAfterMs: retryAfterOf(response) }
  }
  return {
    get: (url) => call(url, { headers: login }),
    delete: (url) => call(url, { method: 'DELETE', headers: login }),
    post: (url, body) =>
      call(url, { method: 'POST', headers: { ...login, 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }
}

async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  if (response.body === null) return ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > bytesMax) return ''
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function retryAfterOf({ headers }: Response): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined
}
