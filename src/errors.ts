/** The one table of error codes: what the sender is told, and whether the same request may be sent again. */
const table = {
  BODY_EMPTY: { status: 400, mayRetry: false, says: 'The request has no body.' },
  BODY_NOT_JSON: { status: 400, mayRetry: false, says: 'The body is not JSON.' },
  BODY_NOT_UTF8: { status: 400, mayRetry: false, says: 'The body is not UTF-8.' },
  BODY_TOO_DEEP: { status: 400, mayRetry: false, says: 'The body is nested too deeply.' },
  BODY_NOT_A_REPORT: { status: 400, mayRetry: false, says: 'The body is neither a report nor a list of reports.' },
  ENCODING_CORRUPT: { status: 400, mayRetry: false, says: 'The compressed body cannot be read.' },
  REQUEST_INVALID: { status: 400, mayRetry: false, says: 'An argument of the request does not fit.' },
  TARGET_FORBIDDEN: { status: 400, mayRetry: false, says: 'The address is none that runtimes may have.' },
  REPORT_INVALID: { status: 400, mayRetry: false, says: 'The report does not fit its schema.' },
  REPORT_TOO_MANY_METRICS: { status: 400, mayRetry: false, says: 'The report has too many metrics.' },
  REPORT_TOO_MANY_LINES: { status: 400, mayRetry: false, says: 'The report has too many log lines.' },
  NAMESPACE_FORBIDDEN: { status: 403, mayRetry: false, says: 'The token does not reach this namespace.' },
  OPEN_JOBS_LIMIT: { status: 429, mayRetry: true, says: 'The namespace has too many open jobs.' },
  JOB_TASKS_LIMIT: { status: 400, mayRetry: false, says: 'The job has too many tasks.' },
  TOKEN_MISSING: { status: 401, mayRetry: false, says: 'A bearer token is needed.' },
  TOKEN_INVALID: { status: 401, mayRetry: false, says: 'The bearer token is not known.' },
  ROLE_MISSING: { status: 403, mayRetry: false, says: 'The token has not the role this needs.' },
  FLOW_INVALID: { status: 400, mayRetry: false, says: 'The flow or its data does not fit its schema.' },
  FLOW_UNKNOWN: { status: 404, mayRetry: false, says: 'There is no such flow.' },
  PROCESS_UNKNOWN: { status: 404, mayRetry: false, says: 'There is no such process.' },
  FLOW_EXISTS: { status: 409, mayRetry: false, says: 'Another flow has this key.' },
  CLIENT_KEY_REUSED: { status: 409, mayRetry: false, says: 'The client key was used for another submission.' },
  PROCESS_NOT_PENDING: { status: 409, mayRetry: false, says: 'The process does not wait any more.' },
  PROCESS_FINISHED: { status: 409, mayRetry: false, says: 'The process has ended.' },
  FENCE_STALE: { status: 409, mayRetry: false, says: 'Another dispatcher has the process now, or the event is not open.' },
  AGENT_FULL: { status: 429, mayRetry: true, says: 'The agent runs as many events as it may.' },
  TOPIC_FORBIDDEN: { status: 403, mayRetry: false, says: 'The topic is none that runtimes may be asked for.' },
  RUNTIME_FOREIGN: { status: 403, mayRetry: false, says: 'The job is of another runtime.' },
  NOT_FOUND: { status: 404, mayRetry: false, says: 'There is nothing here.' },
  METHOD_NOT_ALLOWED: { status: 405, mayRetry: false, says: 'This route does not take the method.' },
  REQUEST_TIMEOUT: { status: 408, mayRetry: true, says: 'The request did not arrive in time.' },
  RUNTIME_ELSEWHERE: { status: 409, mayRetry: false, says: 'A runtime of this id is in another namespace.' },
  RUNTIME_ENDED: { status: 410, mayRetry: false, says: 'The runtime has ended.' },
  BODY_TOO_LARGE: { status: 413, mayRetry: false, says: 'The body is too large.' },
  TOO_MANY_REPORTS: { status: 413, mayRetry: false, says: 'The request holds too many reports.' },
  CONTENT_TYPE_UNSUPPORTED: {
    status: 415,
    mayRetry: false,
    says: 'The content type must be application/json or application/x-ndjson.',
  },
  ENCODING_UNSUPPORTED: { status: 415, mayRetry: false, says: 'The content encoding must be gzip or br.' },
  RATE_LIMITED: { status: 429, mayRetry: true, says: 'Too many requests.' },
  RUNTIMES_LIMIT: { status: 429, mayRetry: true, says: 'There are too many runtimes.' },
  HEADERS_TOO_LARGE: { status: 431, mayRetry: false, says: 'The request headers are too large.' },
  INTERNAL: { status: 500, mayRetry: true, says: 'A fault of the aggregator.' },
  STORE_FAILED: { status: 500, mayRetry: true, says: 'The store could not be read.' },
  BUSY: { status: 503, mayRetry: true, says: 'The aggregator is busy.' },
  REDIS_UNAVAILABLE: { status: 503, mayRetry: true, says: 'The store cannot be reached; nothing of this request is promised.' },
  LOKI_UNAVAILABLE: { status: 503, mayRetry: true, says: 'Loki cannot be reached.' },
  FORWARD_FAILED: { status: 503, mayRetry: true, says: 'The Local Controller that messages are passed on to cannot be reached.' },
  SHUTTING_DOWN: { status: 503, mayRetry: true, says: 'The aggregator is shutting down.' },
} as const satisfies Record<string, { status: number; mayRetry: boolean; says: string }>

export type ErrorCode = keyof typeof table

/** Every code, for the reference page and the test that holds docs and table together. */
export const errorTable: Readonly<Record<ErrorCode, { status: number; mayRetry: boolean; says: string }>> = table

/** A failure with a name. The table decides what the sender is told. */
export class ScopeError extends Error {
  override readonly name = 'ScopeError'
  readonly code: ErrorCode
  /** Where in the input the fault lies, e.g. `engine.instance`. */
  readonly path: string | undefined
  /** Seconds after which the sender should come back, for 429 and 503. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message?: string, options: { cause?: unknown; path?: string; retryAfterSeconds?: number } = {}) {
    super(message ?? table[code].says, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.path = options.path
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  /** HTTP status of the answer. */
  get status(): number {
    return table[this.code].status
  }
}
