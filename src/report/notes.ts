/** What the reading of one report found wrong: fields it left out, and at most one reason to reject the whole. */

/** Why one report is not taken. Each is also a code of the error table. */
export type RejectionCode = 'REPORT_INVALID' | 'REPORT_TOO_MANY_METRICS' | 'REPORT_TOO_MANY_LINES'

/** What the sender is told of a report that was not taken. `path` is where the fault lies; empty = the report itself. */
export type Rejection = { readonly code: RejectionCode; readonly path: string; readonly message: string }

/** More notes than this on one report are not kept apart any more. */
const ignoredMax = 1_000

const fieldName = /^[A-Za-z0-9_.]{1,64}$/

export class Notes {
  /** Our clock when the report arrived, epoch milliseconds. */
  readonly nowMs: number
  /** Paths of what was left out or changed, without ids and indexes, one entry each time. */
  readonly ignored: string[] = []
  /** The first reason found; later ones change nothing. */
  rejection: Rejection | undefined

  constructor(nowMs: number) {
    this.nowMs = nowMs
  }

  ignore(path: string): void {
    if (this.ignored.length < ignoredMax) this.ignored.push(path)
  }

  /** Notes a key that the sender chose. One that would make a poor label is called `other`. */
  ignoreKey(parent: string, key: string): void {
    const path = parent === '' ? key : `${parent}.${key}`
    this.ignore(fieldName.test(path) ? path : 'other')
  }

  reject(code: RejectionCode, path: string, message: string): void {
    this.rejection ??= { code, path, message }
  }
}
