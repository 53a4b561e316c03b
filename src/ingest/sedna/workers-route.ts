/** `POST /sedna/workers/{name}/info`: what workers send to their Local Controller, taken as reports. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ScopeError } from '../../errors.ts'
import { requestIdOf } from '../../http/request-id.ts'
import type { ParseReport } from '../../report/parse.ts'
import { sendError } from '../answer.ts'
import { type ReportsRouteDeps, reportsRoute } from '../reports-route.ts'
import { forwardMessage } from './forward.ts'
import { reportOfMessage } from './worker-message.ts'

export type WorkersRouteOptions = {
  /** Base URL of the real Local Controller, where messages are to reach it too. */
  readonly forwardUrl: string | undefined
  /** Jobs, as `namespace/job`, whose workers look for hard samples before they infer. */
  readonly miningFirst: ReadonlySet<string>
}

const path = /^\/sedna\/workers\/([^/?]{1,600})\/info$/

/** Answers as the route of reports does: 200 when the report is in Redis. */
export function workersRoute(
  deps: ReportsRouteDeps,
  { forwardUrl, miningFirst }: WorkersRouteOptions,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> | void {
  const route = reportsRoute({
    ...deps,
    parserFor: (req, parse) => messageParser(workerOf(req) ?? '', miningFirst, parse),
    ...(forwardUrl === undefined ? {} : { answerBy: (req, body) => forwardMessage(forwardUrl, req.url ?? '', body) }),
  })
  return (req, res) => (workerOf(req) === undefined ? refuse(req, res) : route(req, res))
}

function refuse(req: IncomingMessage, res: ServerResponse): void {
  req.resume()
  sendError(res, new ScopeError('NOT_FOUND'), requestIdOf(req.headers['x-request-id']))
}

function workerOf(req: IncomingMessage): string | undefined {
  const name = path.exec(req.url ?? '')?.[1]
  try {
    return name === undefined ? undefined : decodeURIComponent(name)
  } catch {
    return undefined
  }
}

function messageParser(worker: string, miningFirst: ReadonlySet<string>, parse: ParseReport): ParseReport {
  return (item, nowMs) => {
    try {
      const parsed = parse(reportOfMessage(item, { worker, miningFirst }), nowMs)
      return parsed.isValid ? { ...parsed, report: { ...parsed.report, isNative: true } } : parsed
    } catch (error) {
      if (!(error instanceof ScopeError)) throw error
      return { isValid: false, rejection: { code: 'REPORT_INVALID', path: error.path ?? '', message: error.message } }
    }
  }
}
