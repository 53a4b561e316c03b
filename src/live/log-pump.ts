import type { Queries } from '../jobs/queries/queries.ts'
import type { LiveClient } from './client.ts'
import { eventText } from './frame.ts'

/** Well below what a client may leave unsent, whatever the escapes of JSON add. */
const bytesPerRead = 128 * 1024

/** Carries the log lines of one job to one client, at the client's pace: what it has not taken stays in the job's tail. */
export class LogPump {
  readonly #client: LiveClient
  readonly #queries: Pick<Queries, 'getTail'>
  readonly #namespace: string
  readonly #jobId: string
  readonly #linesPerRead: number
  #cursor: string | undefined
  /** Number of the newest entry that has been read. */
  #readNo = -1
  #isRunning = false
  #isAskedAgain = false

  constructor(
    client: LiveClient,
    queries: Pick<Queries, 'getTail'>,
    job: { readonly namespace: string; readonly jobId: string; readonly after: string | undefined },
    linesPerRead: number,
  ) {
    this.#client = client
    this.#queries = queries
    this.#namespace = job.namespace
    this.#jobId = job.jobId
    this.#cursor = job.after
    this.#linesPerRead = linesPerRead
  }

  /** Finds the place where lines begin. Lines of a job that does not exist yet begin with its first one. */
  async begin(): Promise<void> {
    if (this.#cursor !== undefined) return
    const end = await this.#queries.getTail(this.#namespace, this.#jobId, { limit: 1, order: 'desc' })
    this.#cursor = end?.resumeCursor
  }

  /** Whether a job with this number of its newest entry has lines that were not read yet. */
  isBehind(tailNo: number): boolean {
    return tailNo > this.#readNo
  }

  /** Sends what there is; called again while it runs, it looks once more at the end. */
  async run(): Promise<void> {
    this.#isAskedAgain = true
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      while (this.#isAskedAgain && !this.#client.isBlocked && !this.#client.isEnded) {
        this.#isAskedAgain = false
        await this.#sendPage()
      }
    } finally {
      this.#isRunning = false
    }
  }

  async #sendPage(): Promise<void> {
    const page = await this.#queries.getTail(this.#namespace, this.#jobId, {
      limit: this.#linesPerRead,
      bytesMax: bytesPerRead,
      after: this.#cursor,
    })
    if (page === undefined) return
    this.#cursor = page.resumeCursor
    if (page.nextCursor === null) this.#readNo = page.job.tailNo
    else this.#isAskedAgain = true
    if (page.lines.length === 0) return
    const { lines, resumeCursor, hasGap } = page
    this.#client.write(eventText('log', { namespace: this.#namespace, jobId: this.#jobId, lines, resumeCursor, hasGap }))
  }
}
