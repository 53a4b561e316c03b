import type { IncomingMessage, ServerResponse } from 'node:http'
import { ScopeError } from '../errors.ts'
import { writeAll } from './answer-writer.ts'
import { type BodyKind, type ExpositionBodyDeps, expositionBody } from './exposition-body.ts'
import { contentTypes } from './exposition-text.ts'
import { formatFor, takesGzip } from './negotiation.ts'
import type { ScrapeLog } from './scrape-log.ts'
import { type RenderingReader, SharedRenderings } from './shared-renderings.ts'

export type MetricsRouteDeps = ExpositionBodyDeps & {
  readonly scrapes: ScrapeLog
  readonly limits?: Partial<MetricsRouteLimits>
}

export type MetricsRouteLimits = {
  /** Requests in progress. */
  readonly scrapesMax: number
  /** How long a client may take nothing before its answer is cut off. */
  readonly stallMs: number
  /** How long a rendering that its clients hold up keeps the next one from beginning. */
  readonly turnMs: number
}

const limitsDefault: MetricsRouteLimits = { scrapesMax: 256, stallMs: 10_000, turnMs: 250 }
/** Prometheus names its time-out in every scrape; a person who looks does not. */
const scrapeHeader = 'x-prometheus-scrape-timeout-seconds'
const retryAfterSeconds = 1

/** `GET /metrics`: own series and shared series in one answer, served from memory whatever becomes of Redis. */
export function metricsRoute(deps: MetricsRouteDeps): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const limits = { ...limitsDefault, ...deps.limits }
  const renderings = new SharedRenderings<BodyKind>((kind) => expositionBody(deps, kind), limits.turnMs)
  let scrapesNow = 0

  const answer = async (req: IncomingMessage, res: ServerResponse, kind: BodyKind) => {
    scrapesNow += 1
    const scrape = deps.scrapes.begin()
    const reader = renderings.join(kind)
    try {
      const wasTaken = await writeAll(res, reader, limits.stallMs)
      if (wasTaken && req.headers[scrapeHeader] !== undefined) deps.scrapes.complete(scrape)
    } catch (error) {
      deps.onTrouble?.('answer', error)
      giveUp(res)
    } finally {
      scrapesNow -= 1
      await leave(deps, reader)
    }
  }

  return async (req, res) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') return refuse(res, new ScopeError('METHOD_NOT_ALLOWED'))
    if (scrapesNow >= limits.scrapesMax)
      return refuse(res, new ScopeError('BUSY', 'Too many scrapes at once.', { retryAfterSeconds }))
    const kind = kindFor(req)
    setHeaders(res, kind)
    if (req.method === 'GET') return answer(req, res, kind)
    res.end()
  }
}

function kindFor({ headers }: IncomingMessage): BodyKind {
  const acceptEncoding = headers['accept-encoding']
  const isGzip = takesGzip(Array.isArray(acceptEncoding) ? acceptEncoding.join(',') : acceptEncoding)
  return `${formatFor(headers.accept)}/${isGzip ? 'gzip' : 'identity'}`
}

function giveUp(res: ServerResponse): void {
  if (res.headersSent) res.destroy()
  else refuse(res, new ScopeError('INTERNAL'))
}

/** What a rendering that nobody reads any more fails with has nobody to hear it but the log. */
async function leave(deps: MetricsRouteDeps, reader: RenderingReader): Promise<void> {
  try {
    await reader.leave()
  } catch (error) {
    deps.onTrouble?.('render', error)
  }
}

function setHeaders(res: ServerResponse, kind: BodyKind): void {
  res.statusCode = 200
  res.setHeader('Content-Type', kind.startsWith('text') ? contentTypes.text : contentTypes.openmetrics)
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Vary', 'Accept, Accept-Encoding')
  if (kind.endsWith('gzip')) res.setHeader('Content-Encoding', 'gzip')
}

function refuse(res: ServerResponse, error: ScopeError): void {
  const text = JSON.stringify({ error: { code: error.code, message: error.message } })
  res.removeHeader('Content-Encoding')
  if (error.code === 'METHOD_NOT_ALLOWED') res.setHeader('Allow', 'GET, HEAD')
  if (error.retryAfterSeconds !== undefined) res.setHeader('Retry-After', String(error.retryAfterSeconds))
  res.statusCode = error.status
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.end(text)
}
