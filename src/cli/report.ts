import { text } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../config/units.ts'
import { type CliContext, exitCodes } from './context.ts'
import { collectPair, readAttempt, readId } from './pairs.ts'
import { type ReportFlags, reportFromFlags, reportsFromText } from './report/reports.ts'
import { type SendOutcome, sendReports } from './report/send-reports.ts'
import { addTargetFlags, type Target, targetOf } from './target.ts'

/** What is sent, where, and how the outcome is printed. */
type ReportOptions = Target & {
  readonly reports: readonly unknown[]
  /** How long a busy aggregator is asked again. */
  readonly timeoutMs: number
  readonly output: 'text' | 'json'
}

/** Sends reports and prints what became of them. @returns 0 all taken, 1 not */
async function reportCommand(options: ReportOptions, io: Pick<CliContext, 'stdout' | 'stderr'>): Promise<number> {
  const outcome = await sendReports(options.reports, options, options.timeoutMs)
  if (options.output === 'json') io.stdout.write(`${JSON.stringify(outcome)}\n`)
  else printText(outcome, io)
  return outcome.isTaken ? exitCodes.ok : exitCodes.failed
}

/** Adds `enginescope report`. */
export function registerReport(program: Command, context: CliContext): void {
  const command = program
    .command('report')
    .description('Send one report made of flags, or reports as JSON from standard input.')
    .argument('[input]', '- reads one report, an array, or one a line (NDJSON) from standard input')
    .option('--stdin', 'the same as -', false)
    .option('--job <id>', 'job id', readId)
    .option('--exec <id>', 'id of the task within the job [default the job id]', readId)
    .option('--namespace <name>', 'namespace', readId)
    .option('--engine <instance>', 'name of the engine [default <host>:report]', readId)
    .option('--engine-type <type>', 'type of the engine', readId, 'cli')
    .option('--type <type>', 'task type', readId)
    .option('--attempt <number>', 'attempt, from 1', readAttempt)
    .option('--seq <number>', 'sequence number, from 1', readAttempt)
    .option('--status <status>', 'running, succeeded, failed, cancelled, ...')
    .option('--progress <progress>', '0..1 or a percentage such as 42%', readProgress)
    .option('--log <level:text>', 'a log line; may be repeated', collect, [])
    .option('--metric <key=value>', 'a number of the algorithm; may be repeated', collectMetric, {})
    .option('--attribute <key=value>', 'a fact to keep with the job; may be repeated', collectPair, {})
    .option('--error-code <code>', 'why it failed')
    .option('--error-message <text>', 'why it failed, in words')
    .option('--timeout <duration>', 'how long to try when the aggregator is busy or away', readDuration, 10_000)
    .addOption(new Option('--output <form>', 'how to print').choices(['text', 'json']).default('text'))
  addTargetFlags(command)
  command.action(async (input: string | undefined) => {
    const flags = command.opts<ReportFlags & CommonFlags>()
    const options = await reportOptionsOf(input, flags, context).catch((error: unknown) => {
      context.stderr.write(`enginescope report: ${error instanceof Error ? error.message : String(error)}\n`)
    })
    process.exitCode = options === undefined ? exitCodes.usage : await reportCommand(options, context)
  })
}

type CommonFlags = { url?: string; token?: string; stdin: boolean; timeout: number; output: 'text' | 'json' }

async function reportOptionsOf(
  input: string | undefined,
  flags: ReportFlags & CommonFlags,
  context: CliContext,
): Promise<ReportOptions> {
  const target = targetOf(flags, context.env)
  const reports = await readReports(input, flags, context)
  return { ...target, reports, timeoutMs: flags.timeout, output: flags.output }
}

async function readReports(input: string | undefined, flags: ReportFlags & CommonFlags, context: CliContext): Promise<unknown[]> {
  if (input !== undefined && input !== '-') throw new Error(`there is no input ${input}; - reads standard input`)
  if (input === '-' || flags.stdin) return reportsFromText(await text(context.stdin), flags)
  return [reportFromFlags(flags, new Date())]
}

function printText(outcome: SendOutcome, { stdout, stderr }: Pick<CliContext, 'stdout' | 'stderr'>): void {
  for (const { index, outcome: word, code, path, message } of outcome.results) {
    const why = [code, path, message].filter((part) => part !== undefined).join(' ')
    const line = `report ${index}: ${word}${why === '' ? '' : ` (${why})`}\n`
    if (word === 'rejected') stderr.write(line)
    else stdout.write(line)
  }
  if (outcome.failure !== undefined) stderr.write(`enginescope report: ${outcome.failure}\n`)
  const counts = Object.entries(outcome.counts).filter(([, count]) => count > 0)
  if (counts.length > 0) stdout.write(`${counts.map(([word, count]) => `${word} ${count}`).join(', ')}\n`)
}

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value]
}

function collectMetric(value: string, all: Readonly<Record<string, number>>): Record<string, number> {
  const [[name = '', amount = ''] = []] = Object.entries(collectPair(value, {}))
  const number = Number(amount)
  if (amount.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('The value must be a number.')
  return { ...all, [name]: number }
}

function readProgress(value: string): number {
  const found = /^(\d{1,10}(?:\.\d{1,15})?)(%?)$/.exec(value.trim())
  const ratio = Number(found?.[1] ?? Number.NaN) / (found?.[2] === '%' ? 100 : 1)
  if (!(ratio >= 0 && ratio <= 1)) throw new InvalidArgumentError('It must be 0..1 or a percentage.')
  return ratio
}

function readDuration(value: string): number {
  const ms = parseDurationMs(value)
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 10s or 2m.')
  return ms
}
