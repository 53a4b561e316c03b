/** What came of a call to another member. */
export type MemberAnswer = {
  readonly status: number
  /** Undefined when the body is no JSON, or is larger than it may be. */
  readonly body: unknown
  readonly retryAfterMs: number | undefined
}

/** Milliseconds that an answer asks to wait, where it says so in seconds. */
export function retryAfterOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined
}
