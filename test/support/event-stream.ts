import { eventually } from './eventually.ts'

export type StreamEvent = { readonly event: string; readonly data: Readonly<Record<string, unknown>> }

/** An open stream of Server-Sent Events, and all that came so far. */
export type EventStream = {
  readonly status: number
  readonly contentType: string
  readonly events: readonly StreamEvent[]
  /** Comment lines, such as heartbeats. */
  readonly comments: readonly string[]
  /** Milliseconds the sender asked to wait before coming back. */
  readonly retryMs: () => number | undefined
  readonly isEnded: () => boolean
  /** The first event, come or still to come, of that name for which `fits` holds. */
  readonly until: (event: string, fits?: (data: StreamEvent['data']) => boolean, timeoutMs?: number) => Promise<StreamEvent>
  readonly close: () => Promise<void>
}

/** Opens a stream and reads it as the HTML standard says. An answer that is no stream has no events. */
export async function openEventStream(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  const abort = new AbortController()
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: abort.signal })
  const events: StreamEvent[] = []
  const comments: string[] = []
  const facts: { retryMs?: number; isEnded: boolean } = { isEnded: false }
  const readBlock = (block: string) => {
    let event = 'message'
    const data: string[] = []
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
      if (field === '') comments.push(value)
      else if (field === 'event') event = value
      else if (field === 'data') data.push(value)
      else if (field === 'retry') facts.retryMs = Number(value)
    }
    if (data.length > 0) events.push({ event, data: JSON.parse(data.join('\n')) as StreamEvent['data'] })
  }
  const reading = (async () => {
    let rest = ''
    const decoder = new TextDecoder()
    try {
      for await (const chunk of response.body ?? []) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) readBlock(block)
      }
    } catch (error) {
      if (!abort.signal.aborted && !(error instanceof TypeError)) throw error // A stream that is cut off has ended too.
    }
    facts.isEnded = true
  })()
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    events,
    comments,
    retryMs: () => facts.retryMs,
    isEnded: () => facts.isEnded,
    until: async (event, fits = () => true, timeoutMs = 10_000) => {
      const found = () => events.find((each) => each.event === event && fits(each.data))
      return (await eventually(found, undefined, { what: `the event ${event}`, timeoutMs })) as StreamEvent
    },
    close: async () => {
      abort.abort()
      await reading
    },
  }
}
