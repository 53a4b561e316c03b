/** The terminal's view: what the query API says, for people. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../../config/units.ts'
import type { EngineSummary } from '../../jobs/queries/engine-view.ts'
import type { JobSummary, JobView } from '../../jobs/queries/job-view.ts'
import { logLevels } from '../../jobs/queries/log-line.ts'
import { type CliContext, exitCodes } from '../context.ts'
import { type Target, targetOf } from '../target.ts'
import { engineTable } from './engine-rows.ts'
import { printLogs } from './job-logs.ts'
import { jobTable, jobText } from './job-rows.ts'
import { askPages } from './pages.ts'
import { paintFor } from './paint.ts'
import { askOfJob, QueryFailure } from './query-client.ts'
import { safeJson, safeText } from './safe-text.ts'
import { showTop } from './top.ts'

type TargetFlags = { readonly url?: string; readonly token?: string }
type Form = { readonly output: 'table' | 'json' }
type JobFlags = TargetFlags &
  Form & {
    readonly namespace?: string
    readonly status?: string
    readonly type?: string
    readonly engineType?: string
    readonly engine?: string
    readonly user?: string
    readonly search?: string
    readonly limit: number
  }

const pageMax = 500
const totalMax = 10_000

/** Adds `jobs`, `engines`, `logs` and `top`. */
export function registerViews(program: Command, context: CliContext): void {
  registerJobs(program, context)
  registerEngines(program, context)
  registerLogs(program, context)
  registerTop(program, context)
}

function registerJobs(program: Command, context: CliContext): void {
  const command = program
    .command('jobs')
    .description('List jobs, newest first, or show one at length.')
    .argument('[job]', 'id of one job')
    .option('--namespace <name>', 'only this namespace; with a job: its namespace [default all, or default]')
    .option('--status <statuses>', 'only these statuses, with commas between')
    .option('--type <type>', 'only this task type')
    .option('--engine-type <type>', 'only this engine type')
    .option('--engine <instance>', 'only jobs of this engine')
    .option('--user <name>', 'only jobs of this user')
    .option('--search <text>', 'only jobs whose id, user or attributes hold this text')
    .option('--limit <number>', `jobs to list, up to ${totalMax}`, readCount, 50)
    .addOption(outputOption())
  addReadFlags(command).action(async (jobId: string | undefined) => {
    const flags = command.opts<JobFlags>()
    await run('jobs', context, flags, (target) =>
      jobId === undefined ? listJobs(target, flags, context) : showJob(target, jobId, flags, context),
    )
  })
}

async function listJobs(target: Target, flags: JobFlags, context: CliContext): Promise<number> {
  const { namespace, status, engineType, engine, user } = flags
  const query = { namespace, status, taskType: flags.type, engineType, engine, user, q: flags.search }
  const limits = { total: flags.limit, page: pageMax }
  const { body, nowMs } = await askPages<'jobs', JobSummary>(target, '/api/v1/jobs', 'jobs', query, limits)
  if (flags.output === 'json') context.stdout.write(`${safeJson({ jobs: body.items, nextCursor: body.nextCursor }, 2)}\n`)
  else if (body.items.length === 0) context.stderr.write('There are no such jobs.\n')
  else context.stdout.write(jobTable(body.items, nowMs, paintFor(context), namespace === undefined))
  return exitCodes.ok
}

async function showJob(target: Target, jobId: string, flags: JobFlags, context: CliContext): Promise<number> {
  const { body, nowMs } = await askOfJob<JobView>(target, flags.namespace ?? 'default', jobId)
  context.stdout.write(flags.output === 'json' ? `${safeJson(body, 2)}\n` : jobText(body, nowMs, paintFor(context)))
  return exitCodes.ok
}

function registerEngines(program: Command, context: CliContext): void {
  const command = program
    .command('engines')
    .description('List engines: live, suspect and lost.')
    .option('--state <states>', 'only these states, with commas between')
    .option('--engine-type <type>', 'only this engine type')
    .option('--search <text>', 'only engines whose instance, node, user or attributes hold this text')
    .option('--limit <number>', `engines to list, up to ${totalMax}`, readCount, 200)
    .addOption(outputOption())
  type Flags = TargetFlags & Form & { state?: string; engineType?: string; search?: string; limit: number }
  addReadFlags(command).action(async () => {
    const flags = command.opts<Flags>()
    await run('engines', context, flags, async (target) => {
      const query = { state: flags.state, engineType: flags.engineType, q: flags.search }
      const limits = { total: flags.limit, page: pageMax }
      const { body, nowMs } = await askPages<'engines', EngineSummary>(target, '/api/v1/engines', 'engines', query, limits)
      if (flags.output === 'json') context.stdout.write(`${safeJson({ engines: body.items, nextCursor: body.nextCursor }, 2)}\n`)
      else if (body.items.length === 0) context.stderr.write('There are no such engines.\n')
      else context.stdout.write(engineTable(body.items, nowMs, paintFor(context)))
      return exitCodes.ok
    })
  })
}

function registerLogs(program: Command, context: CliContext): void {
  const command = program
    .command('logs')
    .description('Print the log lines of a job.')
    .argument('<job>', 'id of the job')
    .option('-f, --follow', 'go on until the job has ended', false)
    .option('--namespace <name>', 'namespace of the job', 'default')
    .option('--tail <lines>', `last lines to begin with, up to ${totalMax}, or all`, readTail, 100)
    .addOption(new Option('--level <level>', 'lines of this level and graver ones').choices(logLevels).argParser(upperLevel))
    .addOption(new Option('--output <form>', 'how to print').choices(['text', 'json']).default('text'))
  type Flags = TargetFlags & { follow: boolean; namespace: string; tail: number | 'all'; level?: string; output: 'text' | 'json' }
  addReadFlags(command).action(async (jobId: string) => {
    const { follow, namespace, tail, level, output, ...target } = command.opts<Flags>()
    await run('logs', context, target, (found) =>
      untilInterrupt((signal) =>
        printLogs(found, { namespace, jobId, tail, level, isFollowing: follow, output, pollMs: 1_000, signal }, context),
      ),
    )
  })
}

function registerTop(program: Command, context: CliContext): void {
  const command = program
    .command('top')
    .description('Show open jobs and engines, live.')
    .option('--namespace <name>', 'only this namespace')
    .option('--interval <duration>', 'time between two looks', readInterval, 2_000)
    .option('--once', 'one picture and no more', false)
  addReadFlags(command).action(async () => {
    const flags = command.opts<TargetFlags & { namespace?: string; interval: number; once: boolean }>()
    await run('top', context, flags, (target) =>
      untilInterrupt((signal) =>
        showTop(target, { namespace: flags.namespace, intervalMs: flags.interval, isOnce: flags.once, signal }, context),
      ),
    )
  })
}

/** Runs a view and turns its failures into a line and an exit code: 1 failed, 2 a wrong argument. */
async function run(
  name: string,
  context: CliContext,
  flags: TargetFlags,
  view: (target: Target) => Promise<number>,
): Promise<void> {
  const target = findTarget(name, context, flags)
  if (target === undefined) {
    process.exitCode = exitCodes.usage
    return
  }
  try {
    process.exitCode = await view(target)
  } catch (error) {
    if (!(error instanceof QueryFailure)) throw error
    context.stderr.write(`enginescope ${name}: ${safeText(error.message)}\n`)
    process.exitCode = error.code === 'REQUEST_INVALID' ? exitCodes.usage : exitCodes.failed
  }
}

function findTarget(name: string, context: CliContext, flags: TargetFlags): Target | undefined {
  try {
    return targetOf(flags, context.env)
  } catch (error) {
    context.stderr.write(`enginescope ${name}: ${error instanceof Error ? safeText(error.message) : String(error)}\n`)
    return undefined
  }
}

/** Ctrl-C ends what goes on for ever, in good order. */
async function untilInterrupt(view: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController()
  const stop = () => controller.abort()
  process.once('SIGINT', stop)
  try {
    return await view(controller.signal)
  } finally {
    process.removeListener('SIGINT', stop)
  }
}

function addReadFlags(command: Command): Command {
  return command
    .option('--url <url>', 'where the aggregator listens [env ENGINESCOPE_URL, default http://127.0.0.1:7717]')
    .option('--token <token>', 'bearer token with the role read; others may see it here [env ENGINESCOPE_TOKEN or _FILE]')
}

function outputOption(): Option {
  return new Option('--output <form>', 'how to print').choices(['table', 'json']).default('table')
}

function readCount(text: string): number {
  const count = Number(text)
  if (!/^\d{1,5}$/.test(text) || count < 1 || count > totalMax) throw new InvalidArgumentError(`It must be 1..${totalMax}.`)
  return count
}

function readTail(text: string): number | 'all' {
  return text === 'all' ? text : readCount(text)
}

function upperLevel(text: string): string {
  const level = logLevels.find((known) => known === text.toUpperCase())
  if (level === undefined) throw new InvalidArgumentError(`It must be one of ${logLevels.join(', ')}.`)
  return level
}

function readInterval(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms < 250) throw new InvalidArgumentError('It must be a duration of at least 250ms, such as 2s.')
  return ms
}
