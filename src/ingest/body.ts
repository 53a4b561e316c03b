/** The bytes of a request: read, inflated, never more of them than allowed. */
import type { IncomingMessage } from 'node:http'
import { type BrotliOptions, brotliDecompress, brotliDecompressSync, gunzip, gunzipSync, type ZlibOptions } from 'node:zlib'
import { ScopeError } from '../errors.ts'
import { echo } from '../report/text.ts'
import type { BytesInFlight } from './in-flight.ts'

export type BodyLimits = {
  /** After inflation, and of course before. */
  readonly bodyBytesMax: number
  /** Inflated bytes per compressed byte, beyond `freeInflationBytes`. */
  readonly inflationRatioMax: number
  readonly freeInflationBytes: number
}

/** The sender went away, or the parser refused the rest: there is nobody to answer. */
export class RequestAborted extends Error {
  override readonly name = 'RequestAborted'
}

export type Encoding = 'identity' | 'gzip' | 'br'

/** @throws ScopeError ENCODING_UNSUPPORTED for anything but gzip and br, also for two of them. */
export function encodingOf(req: IncomingMessage): Encoding {
  const sent = req.headers['content-encoding']
  if (sent === undefined) return 'identity'
  const name = sent.trim().toLowerCase()
  if (name === '' || name === 'identity') return 'identity'
  if (name === 'gzip' || name === 'x-gzip') return 'gzip'
  if (name === 'br') return 'br'
  throw new ScopeError('ENCODING_UNSUPPORTED', `The content encoding must be gzip or br, not ${echo(sent)}.`)
}

/** @throws ScopeError BODY_TOO_LARGE when the length that the request names is beyond the limit: nothing need be read then. */
export function checkDeclaredLength(req: IncomingMessage, limits: BodyLimits): void {
  if (Number(req.headers['content-length'] ?? 0) > limits.bodyBytesMax) throw tooLarge(limits)
}

function tooLarge(limits: BodyLimits): ScopeError {
  return new ScopeError('BODY_TOO_LARGE', `The body is larger than ${limits.bodyBytesMax} bytes.`)
}

/**
 * Reads the body as sent. What it holds is booked in `held`, which the caller gives back.
 * @throws ScopeError BODY_TOO_LARGE, BUSY; RequestAborted
 */
export function readBody(req: IncomingMessage, limits: BodyLimits, held: BytesInFlight): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const fail = (error: Error) => {
      req.off('data', onData)
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length > limits.bodyBytesMax) return fail(tooLarge(limits))
      if (!held.growTo(length)) return fail(new ScopeError('BUSY', 'Too many bytes of other requests are being worked on.'))
      chunks.push(chunk)
    }
    req.on('data', onData)
    const onClose = () => fail(new RequestAborted('the request broke off'))
    req.once('end', () => {
      // Every request is closed once it has been answered.
      req.off('close', onClose)
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length))
    })
    req.once('error', (error) => fail(new RequestAborted('the request broke off', { cause: error })))
    req.once('close', onClose)
  })
}

/** Up to here inflating on the spot costs less than handing over to another thread, and can take no more than a millisecond or two. */
const inlineBytesMax = 4_096

/**
 * The plain bytes of a body.
 * @throws ScopeError ENCODING_CORRUPT, also for garbage behind the compressed data; BODY_TOO_LARGE
 */
export async function inflate(body: Buffer, encoding: Encoding, limits: BodyLimits): Promise<Buffer> {
  if (encoding === 'identity') return body
  const outputMax = Math.min(limits.bodyBytesMax, Math.max(limits.freeInflationBytes, body.length * limits.inflationRatioMax))
  try {
    const { buffer, engine } = await run(body, encoding, outputMax)
    if (engine.bytesWritten === body.length) return buffer
  } catch (error) {
    if (isTooLarge(error)) throw tooLarge(limits)
    throw new ScopeError('ENCODING_CORRUPT', undefined, { cause: error })
  }
  throw new ScopeError('ENCODING_CORRUPT', 'There is something behind the compressed data.')
}

/** What zlib gives with the option `info`, which its types do not know. */
type Inflated = { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }

function run(body: Buffer, encoding: 'gzip' | 'br', maxOutputLength: number): Inflated | Promise<Inflated> {
  const options: ZlibOptions & BrotliOptions = { maxOutputLength, info: true }
  if (body.length <= inlineBytesMax) {
    const inflated: unknown = encoding === 'gzip' ? gunzipSync(body, options) : brotliDecompressSync(body, options)
    return inflated as Inflated
  }
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, inflated: unknown) => (error === null ? resolve(inflated as Inflated) : reject(error))
    if (encoding === 'gzip') gunzip(body, options, done)
    else brotliDecompress(body, options, done)
  })
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}
