import { createServer, type IncomingMessage } from 'node:http'
import { z } from 'zod'

/** A receiver for Alertmanager that says each alert in one line. */
export type AlertReceiver = { readonly url: string; readonly close: () => void }

const bodyMaxBytes = 1_048_576
const notice = z.object({
  alerts: z.array(
    z.object({ status: z.string(), labels: z.record(z.string(), z.string()), annotations: z.record(z.string(), z.string()) }),
  ),
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > bodyMaxBytes) throw new Error('the notice is too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function linesOf(body: string): string[] {
  return notice.parse(JSON.parse(body)).alerts.map(({ status, labels, annotations }) => {
    const text = annotations['summary'] ?? annotations['description'] ?? ''
    return `alert ${status}: ${labels['alertname'] ?? ''} (${labels['severity'] ?? 'no severity'}) ${text}`.trimEnd()
  })
}

/** Listens on a free port of the loopback. */
export async function startAlertReceiver(say: (text: string) => void): Promise<AlertReceiver> {
  const server = createServer((request, response) => {
    bodyOf(request)
      .then((body) => {
        for (const line of linesOf(body)) say(line)
        response.end()
      })
      .catch((error: unknown) => {
        say(`a notice of Alertmanager cannot be read: ${error instanceof Error ? error.message : String(error)}`)
        response.writeHead(400).end()
      })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  // An alert that is under way must not keep the demo from ending.
  server.unref()
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() }
}
