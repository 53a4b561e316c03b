import type { EngineSummary } from '../../jobs/queries/engine-view.ts'
import type { JobSummary } from '../../jobs/queries/job-view.ts'
import { openStatuses } from '../../report/status.ts'
import { type CliContext, exitCodes } from '../context.ts'
import type { Target } from '../target.ts'
import { jobTable } from './job-rows.ts'
import { askPages } from './pages.ts'
import { colourOfStatus, isTerminal, type Paint, paintFor } from './paint.ts'
import { pauseUnless } from './pause.ts'
import { QueryFailure } from './query-client.ts'
import { safeText } from './safe-text.ts'

export type TopOptions = {
  readonly namespace: string | undefined
  readonly intervalMs: number
  /** One picture and no more; always so when the output is no terminal. */
  readonly isOnce: boolean
  readonly signal?: AbortSignal | undefined
}

const jobsMax = 500
const enginesMax = 1_000
const rowsWithoutJobs = 5
const defaultRows = 40
const screen = {
  hideCursor: '\u001b[?25l',
  showCursor: '\u001b[?25h',
  home: '\u001b[H',
  clearRest: '\u001b[J',
  clearLine: '\u001b[K',
}

/** Shows the open jobs and the engines, again and again until it is stopped. @throws QueryFailure for what will not pass */
export async function showTop(target: Target, options: TopOptions, context: CliContext): Promise<number> {
  const { stdout } = context
  const paint = paintFor(context)
  if (options.isOnce || !isTerminal(stdout)) {
    stdout.write(await picture(target, options, paint, Number.POSITIVE_INFINITY))
    return exitCodes.ok
  }
  stdout.write(screen.hideCursor)
  try {
    while (options.signal?.aborted !== true) {
      const text = await pictureOrWhyNot(target, options, paint, rowsOf(stdout))
      stdout.write(`${screen.home}${text.replaceAll('\n', `${screen.clearLine}\n`)}${screen.clearRest}`)
      await pauseUnless(options.signal, options.intervalMs)
    }
  } finally {
    stdout.write(screen.showCursor)
  }
  return exitCodes.ok
}

async function pictureOrWhyNot(target: Target, options: TopOptions, paint: Paint, rows: number): Promise<string> {
  try {
    return await picture(target, options, paint, rows)
  } catch (error) {
    if (!(error instanceof QueryFailure) || !error.mayPass) throw error
    return `${paint(safeText(error.message), 'red')}\n`
  }
}

async function picture(target: Target, { namespace }: TopOptions, paint: Paint, rows: number): Promise<string> {
  const query = { namespace, status: openStatuses.join(',') }
  const [jobs, engines] = await Promise.all([
    askPages<'jobs', JobSummary>(target, '/api/v1/jobs', 'jobs', query, { total: jobsMax, page: jobsMax }),
    askPages<'engines', EngineSummary>(target, '/api/v1/engines', 'engines', {}, { total: enginesMax, page: enginesMax }),
  ])
  const { items, nextCursor } = jobs.body
  const shown = items.slice(0, Math.max(1, rows - rowsWithoutJobs))
  const more = nextCursor === null ? '' : '+'
  return [
    `${paint('Enginescope', 'bold')} ${safeText(target.url)}  ${new Date(jobs.nowMs).toISOString()}`,
    `jobs     ${items.length}${more} open  ${counted(
      items.map((job) => job.status),
      paint,
    )}`,
    `engines  ${counted(
      engines.body.items.map((engine) => engine.state),
      paint,
    )}`,
    '',
    jobTable(shown, jobs.nowMs, paint, namespace === undefined),
  ].join('\n')
}

function counted(words: readonly string[], paint: Paint): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  if (counts.size === 0) return 'none'
  return [...counts].map(([word, count]) => `${count} ${paint(word, colourOfStatus(word))}`).join('  ')
}

function rowsOf(stdout: CliContext['stdout']): number {
  return 'rows' in stdout && typeof stdout.rows === 'number' ? stdout.rows : defaultRows
}
