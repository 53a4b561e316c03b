import { httpClient } from './http.ts'

/**
 * What the driver of a fault test knows for certain, kept by itself and never asked of the service: every report and every
 * log line that was answered 2xx, however often it had to be sent.
 */
export type Ledger = {
  readonly jobs: ReadonlyMap<string, JobAccount>
  /** Requests whose answer was lost or refused, each sent again. */
  readonly resent: number
}

export type JobAccount = { readonly lines: string[]; lastProgress: number; isEnded: boolean; attempts: number }

export type LoadOptions = {
  /** Addresses of replicas; a request that fails goes to the next one. */
  readonly urls: readonly string[]
  readonly reporters: number
  readonly reportsEach: number
  readonly linesPerReport: number
  /** Pause of each task between two of its reports. Default 0. */
  readonly everyMs?: number
  /** Default 3,000. */
  readonly timeoutMs?: number
}

/** A sender stays with the replica that last took something of it. */
type Sender = { readonly urls: readonly string[]; readonly timeoutMs: number; at: number }

const triesMax = 400
const pauseMs = 50

/** Sends the reports of many concurrent tasks, each again and again until it is acknowledged. */
export async function driveLoad(options: LoadOptions): Promise<Ledger> {
  const jobs = new Map<string, JobAccount>()
  const counts = { resent: 0 }
  await Promise.all(Array.from({ length: options.reporters }, (_, at) => driveTask(options, at, jobs, counts)))
  return { jobs, resent: counts.resent }
}

async function driveTask(
  options: LoadOptions,
  at: number,
  jobs: Map<string, JobAccount>,
  counts: { resent: number },
): Promise<void> {
  const jobId = `load-${at}`
  const account: JobAccount = { lines: [], lastProgress: 0, isEnded: false, attempts: 0 }
  jobs.set(jobId, account)
  const sender = senderTo(options.urls, at, options.timeoutMs)
  for (let seq = 1; seq <= options.reportsEach; seq++) {
    const isLast = seq === options.reportsEach
    const progress = seq / options.reportsEach
    const lines = Array.from({ length: options.linesPerReport }, (_, line) => `${jobId} report ${seq} line ${line}`)
    const body = {
      jobId,
      execId: 'main',
      taskType: 'load',
      seq,
      status: isLast ? 'succeeded' : 'running',
      progress,
      usage: { cpuSeconds: seq },
      engine: { instance: `engine-${at}`, engineType: 'driver', incarnation: '2026-01-01T00:00:00Z' },
      engineTaskCounts: { running: isLast ? 0 : 1, succeeded: isLast ? 1 : 0, failed: 0 },
      logs: lines.map((line) => ({ level: 'INFO', line })),
    }
    const resent = await sendUntilAcknowledged(sender, body)
    counts.resent += resent
    account.lines.push(...lines)
    account.lastProgress = progress
    account.isEnded = isLast
    if (options.everyMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.everyMs))
  }
}

/** @param at the replica it begins with */
export function senderTo(urls: readonly string[], at = 0, timeoutMs = 3_000): Sender {
  return { urls, timeoutMs, at }
}

/** @returns how often it had to be sent again */
export async function sendUntilAcknowledged(sender: Sender, body: unknown): Promise<number> {
  for (let attempt = 0; attempt < triesMax; attempt++) {
    const url = sender.urls[sender.at % sender.urls.length] as string
    const isTaken = await httpClient(url, { timeoutMs: sender.timeoutMs })
      .post('/api/v1/reports', body)
      .then((answer) => {
        if (answer.status === 200) return true
        if (answer.status >= 500 || answer.status === 429) return false
        throw new Error(`refused for good: ${answer.status} ${answer.text}`)
      })
      .catch((error: unknown) => {
        if (error instanceof Error && error.message.startsWith('refused for good')) throw error
        return false // The connection broke: the outcome is not known, and the same bytes go out again.
      })
    if (isTaken) return attempt
    sender.at += 1
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  throw new Error('a report was not acknowledged for too long')
}
