import type { JobView } from '../../jobs/queries/job-view.ts'
import type { LogLineView } from '../../jobs/queries/log-line.ts'
import { isEnd, type TaskStatus } from '../../report/status.ts'
import { type CliContext, exitCodes } from '../context.ts'
import type { Target } from '../target.ts'
import { colourOfLevel, type Paint, paintFor } from './paint.ts'
import { pauseUnless } from './pause.ts'
import { askOfJob, QueryFailure } from './query-client.ts'
import { safeJson, safeLines, safeText } from './safe-text.ts'

export type LogOptions = {
  readonly namespace: string
  readonly jobId: string
  /** Last lines to begin with; `all` = from the first. */
  readonly tail: number | 'all'
  readonly level: string | undefined
  readonly isFollowing: boolean
  readonly output: 'text' | 'json'
  readonly pollMs: number
  /** Ends following. */
  readonly signal?: AbortSignal | undefined
}

type LogPage = {
  readonly lines: readonly LogLineView[]
  readonly nextCursor: string | null
  readonly resumeCursor: string | null
  readonly hasGap: boolean
}

const linesPerPage = 1_000

/** Prints the lines of a job; following, it goes on until the job has ended and every line is printed. @throws QueryFailure */
export async function printLogs(target: Target, options: LogOptions, context: CliContext): Promise<number> {
  const print = printer(options, context)
  const place: Place = { after: undefined }
  if (options.tail === 'all') await printOn(target, options, place, print)
  else place.after = await printTail(target, options, options.tail, print)
  if (options.isFollowing) await follow(target, options, place, print, context)
  return exitCodes.ok
}

/** Behind which line to go on. */
type Place = { after: string | undefined }
type Print = (lines: readonly LogLineView[]) => void

async function printTail(target: Target, options: LogOptions, wanted: number, print: Print): Promise<string | undefined> {
  const newestFirst: LogLineView[] = []
  let resumeCursor: string | undefined
  let after: string | null | undefined
  do {
    const limit = Math.max(1, Math.min(linesPerPage, wanted - newestFirst.length))
    const page: LogPage = await askLogs(target, options, { order: 'desc', limit, after })
    resumeCursor ??= page.resumeCursor ?? undefined
    newestFirst.push(...page.lines)
    after = page.nextCursor
  } while (after !== null && newestFirst.length < wanted)
  print(newestFirst.slice(0, wanted).reverse())
  return resumeCursor
}

/** Prints everything behind a place, and moves the place with every page, so that a failure in between repeats nothing. */
async function printOn(target: Target, options: LogOptions, place: Place, print: Print): Promise<void> {
  for (;;) {
    const page = await askLogs(target, options, { order: 'asc', limit: linesPerPage, after: place.after })
    print(page.lines)
    place.after = page.nextCursor ?? page.resumeCursor ?? place.after
    if (page.nextCursor === null) return
  }
}

async function follow(target: Target, options: LogOptions, place: Place, print: Print, context: CliContext): Promise<void> {
  const remark = remarksOn(context)
  while (options.signal?.aborted !== true) {
    try {
      const status = await printNews(target, options, place, print)
      if (isEnd(status)) return
      remark(status === 'lost' ? 'the job is lost, its engine is silent; following in case it speaks again' : '')
    } catch (error) {
      if (!(error instanceof QueryFailure) || !error.mayPass) throw error
      remark(`${safeText(error.message)}; trying on`)
    }
    await pauseUnless(options.signal, options.pollMs)
  }
}

/** Says beside the lines how things are, once until they change; nothing when all is well. */
function remarksOn({ stderr }: CliContext): (remark: string) => void {
  let last = ''
  return (remark) => {
    if (remark !== '' && remark !== last) stderr.write(`enginescope logs: ${remark}\n`)
    last = remark
  }
}

/** @returns the status of the job, of which every line up to then is printed */
async function printNews(target: Target, options: LogOptions, place: Place, print: Print): Promise<TaskStatus> {
  // Asked before the lines are read: what was reported with the end is then among them.
  const { body } = await askOfJob<JobView>(target, options.namespace, options.jobId)
  await printOn(target, options, place, print)
  return body.status
}

async function askLogs(
  target: Target,
  { namespace, jobId, level }: LogOptions,
  query: { readonly order: 'asc' | 'desc'; readonly limit: number; readonly after: string | null | undefined },
): Promise<LogPage> {
  const after = query.after ?? undefined
  const { body } = await askOfJob<LogPage>(target, namespace, jobId, '/logs', { ...query, after, level })
  return body
}

function printer(options: LogOptions, context: CliContext): Print {
  const { stdout } = context
  if (options.output === 'json') return (lines) => stdout.write(lines.map((line) => `${safeJson(line)}\n`).join(''))
  const paint = paintFor(context)
  return (lines) => stdout.write(lines.map((line) => `${lineText(line, paint)}\n`).join(''))
}

function lineText({ ts, level, execId, line }: LogLineView, paint: Paint): string {
  const head = `${ts ?? '-'} ${safeText(level).padEnd(5)} ${execId === null ? '' : `[${safeText(execId)}] `}`
  return `${paint(head, 'faint')}${paint(safeLines(line), colourOfLevel(level))}`
}
