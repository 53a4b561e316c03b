import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { finished, type Writable } from 'node:stream'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../config/units.ts'
import { type CliContext, exitCodes } from './context.ts'
import { collectPair, readAttempt, readId } from './pairs.ts'
import { fdSink } from './run/fd-sink.ts'
import { type ProgressFinder, patternFinder, percentFinder } from './run/progress-finder.ts'
import { type RunOptions, runCommand } from './run/run-command.ts'
import { addTargetFlags, targetOf } from './target.ts'

type RunFlags = {
  url?: string
  token?: string
  type: string
  job?: string
  namespace?: string
  exec?: string
  attempt?: number
  engine?: string
  timeout?: number
  killAfter: number
  wait: number
  attribute: Record<string, string>
  progress?: string
  progressRegex?: ProgressFinder
  capture: boolean
  quiet: boolean
  verbose: boolean
}

/** Adds `enginescope run`. */
export function registerRun(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    .description('Run a command as a task: its status, output, CPU and memory are reported; it behaves as without.')
    .argument('<command...>', 'the command and its arguments, after --')
    .option('--type <type>', 'task type', readId, 'command')
    .option('--job <id>', 'job id [default <command>-<time>-<random>]', readId)
    .option('--namespace <name>', 'namespace [default of the aggregator]', readId)
    .addOption(new Option('--exec <id>', 'id of this task within the job [default the job id]').argParser(readId))
    .addOption(new Option('--name <id>', 'the same as --exec').argParser(readId).hideHelp())
    .option('--attempt <number>', 'which attempt this is, from 1', readAttempt)
    .option('--engine <instance>', 'name of this engine [default <host>:<pid>]', readId)
    .option('--attribute <key=value>', 'a fact to keep with the job; may be repeated', collectPair, {})
    .option('--timeout <duration>', 'end the command after this, as timed_out, with exit code 124', readDuration)
    .option('--kill-after <duration>', 'SIGKILL this long after the SIGTERM of --timeout', readDuration, 10_000)
    .option('--wait <duration>', 'how long the end may take to reach the aggregator', readDuration, 10_000)
    .addOption(new Option('--progress <how>', 'take progress from percentages in the output').choices(['percent']))
    .option(
      '--progress-regex <pattern>',
      'take progress from its first group (percent), or (?<ratio>), or (?<done>) and (?<total>)',
      readPattern,
    )
    .option('--no-capture', 'leave the output alone: a terminal stays one, nothing is logged')
    .option('-q, --quiet', 'no warning when the aggregator is away', false)
    .option('-v, --verbose', 'say the job id and where it is reported', false)
  addTargetFlags(command)
  command.action(async (words: string[]) => {
    const flags = command.opts<RunFlags & { name?: string }>()
    const options = usable(() => runOptionsOf(words, flags, context), context)
    if (options === undefined) {
      process.exitCode = exitCodes.usage
      return
    }
    const [stdout, stderr] = [sinkFor(context.stdout), sinkFor(context.stderr)]
    process.exitCode = await runCommand(options, { stdout, stderr, onSignal })
    await Promise.all([flushed(stdout, context.stdout), flushed(stderr, context.stderr)])
  })
}

/** What is read, or undefined after saying what does not fit. */
function usable<T>(read: () => T, { stderr }: CliContext): T | undefined {
  try {
    return read()
  } catch (error) {
    stderr.write(`enginescope run: ${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
}

function runOptionsOf(words: readonly string[], flags: RunFlags & { name?: string }, context: CliContext): RunOptions {
  const [file = ''] = words
  return {
    ...targetOf(flags, context.env),
    command: words,
    env: context.env,
    taskType: flags.type,
    jobId: flags.job ?? defaultJobId(file, new Date()),
    execId: flags.exec ?? flags.name,
    namespace: flags.namespace,
    attempt: flags.attempt,
    engineInstance: flags.engine,
    attributes: flags.attribute,
    timeoutMs: flags.timeout,
    killAfterMs: flags.killAfter,
    waitMs: flags.wait,
    findProgress: flags.progressRegex ?? (flags.progress === 'percent' ? percentFinder() : undefined),
    capturesOutput: flags.capture,
    isQuiet: flags.quiet,
    isVerbose: flags.verbose,
  }
}

/** A new id that says what ran and when: `backup.sh-20250304T080052-1f9c3a`. */
function defaultJobId(file: string, at: Date): string {
  const name =
    basename(file)
      .replaceAll(/[^A-Za-z0-9._-]/g, '_')
      .slice(0, 100) || 'command'
  const time = at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return `${name}-${time}-${randomBytes(3).toString('hex')}`
}

/** A terminal is written to as it is; anything else through its descriptor. */
function sinkFor(stream: Writable): Writable {
  const { fd, isTTY } = stream as { fd?: unknown; isTTY?: unknown }
  return typeof fd === 'number' && isTTY !== true ? fdSink(fd) : stream
}

/** Waits until everything was written to a sink of our own, or nobody reads it. */
async function flushed(sink: Writable, original: Writable): Promise<void> {
  if (sink === original) return
  sink.end()
  await new Promise<void>((resolve) => {
    finished(sink, () => resolve())
  })
}

function readDuration(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms <= 0 || ms > 2 ** 31 - 1)
    throw new InvalidArgumentError('It must be a duration such as 90s, 15m or 2h.')
  return ms
}

function readPattern(text: string): ProgressFinder {
  try {
    return patternFinder(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

function onSignal(signal: NodeJS.Signals, handler: () => void): () => void {
  process.on(signal, handler)
  return () => process.off(signal, handler)
}
