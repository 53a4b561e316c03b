/** The cloud worker: the large model behind HTTP. It leaves after so many requests, as services do that are renewed; main.js starts it anew. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pixelsPerDigit } from '../learning/digits.ts'
import { loadNetwork } from '../learning/files.ts'
import type { Network } from '../learning/network.ts'
import { resourceFlags, resourceFrom } from '../sedna-worker/resource-flags.ts'
import { runWorker } from '../sedna-worker/worker.ts'
import { count, readFlags } from '../settings.ts'

const flags = readFlags('The cloud worker of the joint inference; main.js starts it.', {
  ...resourceFlags('joint'),
  model: { default: '', about: 'file: URL of the large model' },
  port: { default: '0', about: 'port of the loopback to listen on; 0 takes a free one' },
  'requests-max': { default: '400', about: 'leaves after so many requests, to be started anew' },
})
const resource = resourceFrom(flags)
const requestsMax = count('requests-max', flags['requests-max'])

async function pixelsOf(request: IncomingMessage): Promise<Float32Array | undefined> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > pixelsPerDigit) return undefined
    pieces.push(piece)
  }
  return bytes === pixelsPerDigit ? Float32Array.from(Buffer.concat(pieces), (byte) => byte / 255) : undefined
}

async function answer(network: Network, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pixels = request.method === 'POST' ? await pixelsOf(request) : undefined
  if (pixels === undefined) {
    response.writeHead(400).end()
    return
  }
  const { digit, confidence } = network.guess(pixels)
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ digit, confidence }))
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(Number(flags.port), '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' ? (address?.port ?? 0) : 0)
    })
  })
}

await runWorker(
  { resource, taskType: 'joint_inference', name: `${resource.job}-cloud`, node: 'cloud', role: 'cloud_inference' },
  async (worker) => {
    const network = await loadNetwork(flags.model)
    let answered = 0
    const isEnough = new AbortController()
    const server = createServer((request, response) => {
      response.once('close', () => {
        answered++
        if (answered >= requestsMax) isEnough.abort()
      })
      answer(network, request, response).catch(() => response.destroy())
    })
    const port = await listening(server)
    worker.log('INFO', `listens on port ${port}`)
    process.send?.({ kind: 'listening', port })
    const isLeft = new AbortController()
    process.once('message', () => isLeft.abort())
    const over = AbortSignal.any([worker.stop, isEnough.signal, isLeft.signal])
    if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }))
    server.close()
    server.closeAllConnections()
    worker.log('INFO', `leaves after ${answered} requests`)
    return isLeft.signal.aborted ? 'is done' : 'goes on'
  },
)
