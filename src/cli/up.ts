import { once } from 'node:events'
import Table from 'cli-table3'
import { type Command, Option } from 'commander'
import { readAuthFile } from '../access/auth-file.ts'
import { ConfigError, faultText } from '../config/fault.ts'
import { requireConfig } from '../config/load.ts'
import { flagOf, variableOf } from '../config/setting-names.ts'
import { formatDuration, parseDurationMs } from '../config/units.ts'
import { type CliContext, exitCodes } from './context.ts'
import { addSettingFlags, ofAggregator, sourcesOf } from './setting-flags.ts'
import type { WishedPort } from './stack/plan.ts'
import { type Stack, type StackOptions, startStack } from './stack/stack.ts'
import { StackError } from './stack/stack-error.ts'

type UpFlags = {
  data?: string
  prometheusPort?: string
  alertmanagerPort?: string
  scrapeInterval?: string
  rules?: string
  output: 'text' | 'json'
}

/** What a command does with a stack that is up. It ends when the signal is aborted, or by itself. @returns the exit code */
export type StackUse = (stack: Stack, signal: AbortSignal) => Promise<number>

/** The program that runs now with another command: `node .../main.js serve`. */
export function thisProgram(...args: readonly string[]): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? '', ...args]
}

/** Adds the flags that every command with a stack has. @param dataFolder the default of `--data` */
export function addStackFlags(command: Command, dataFolder: string): Command {
  command
    .option('--data <path>', `Folder for state, configuration and logs. [default ${dataFolder}, env ENGINESCOPE_DATA]`)
    .option(
      '--prometheus-port <port>',
      'Port of Prometheus. [default 9090 or the next free one, env ENGINESCOPE_PROMETHEUS_PORT]',
    )
    .option(
      '--alertmanager-port <port>',
      'Port of Alertmanager. [default 9093 or the next free one, env ENGINESCOPE_ALERTMANAGER_PORT]',
    )
    .option('--scrape-interval <duration>', 'How often Prometheus scrapes. [default 5s, env ENGINESCOPE_SCRAPE_INTERVAL]')
    .option('--rules <path>', 'Rule files, with a * in the name, instead of the shipped ones. [env ENGINESCOPE_RULES]')
    .addOption(new Option('--output <form>', 'how to print the addresses').choices(['text', 'json']).default('text'))
  return addSettingFlags(command, ofAggregator)
}

function wishedPort(name: string, flag: string | undefined, env: CliContext['env'], byDefault: number): WishedPort {
  const source = flag === undefined ? variableOf(name) : flagOf(name)
  const text = flag ?? (env[variableOf(name)] || undefined)
  if (text === undefined) return { port: byDefault, isExplicit: false }
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new ConfigError([{ source, message: `${name} must be a port between 0 and 65535` }])
  return { port, isExplicit: true }
}

function scrapeIntervalMs(flag: string | undefined, env: CliContext['env']): number {
  const name = 'scrapeInterval'
  const source = flag === undefined ? variableOf(name) : flagOf(name)
  const ms = parseDurationMs(flag ?? (env[variableOf(name)] || '5s'))
  if (ms === undefined || ms < 100 || ms > 60_000)
    throw new ConfigError([{ source, message: `${name} must be a duration from 100ms to 1m, e.g. 5s` }])
  return ms
}

/** The flags that were given, as the environment variables of the child that has to know them. */
function settingsForChild(flags: Readonly<Record<string, string | undefined>>, file: string | undefined): Record<string, string> {
  const given = Object.entries(flags).flatMap(([name, text]) => (text === undefined ? [] : [[variableOf(name), text] as const]))
  return { ...Object.fromEntries(given), ...(file === undefined ? {} : { ENGINESCOPE_CONFIG: file }) }
}

function stackOptions(command: Command, context: CliContext, dataFolder: string, signal: AbortSignal): StackOptions {
  const flags = command.opts<UpFlags>()
  const sources = sourcesOf(command, context)
  const { config, origins, warnings } = requireConfig(sources)
  const tokens = config.authFile === undefined ? undefined : readAuthFile(config.authFile)
  if (tokens?.faults !== undefined) throw new ConfigError(tokens.faults)
  for (const warning of warnings) context.stderr.write(`warning  ${faultText(warning)}\n`)
  return {
    config,
    origins,
    env: context.env,
    dataFolder: flags.data ?? (context.env['ENGINESCOPE_DATA'] || dataFolder),
    serveCommand: thisProgram('serve'),
    settings: settingsForChild(sources.flags ?? {}, sources.file),
    prometheus: wishedPort('prometheusPort', flags.prometheusPort, context.env, 9090),
    alertmanager: wishedPort('alertmanagerPort', flags.alertmanagerPort, context.env, 9093),
    scrapeIntervalMs: scrapeIntervalMs(flags.scrapeInterval, context.env),
    rules: flags.rules ?? (context.env['ENGINESCOPE_RULES'] || undefined),
    signal,
  }
}

/** The addresses of a stack as a table, and what there is to say about it. */
export function addressesText(stack: Stack): string {
  const { redis, aggregator, prometheus, alertmanager } = stack
  const rows: [string, string | undefined, string][] = [
    ['Console and API', aggregator.url, 'engines report to /api/v1/reports'],
    ['Series', `${aggregator.url}/metrics`, 'for Prometheus'],
    ['Prometheus', prometheus?.url, `scrapes every ${formatDuration(stack.scrapeIntervalMs)}`],
    ['Alertmanager', alertmanager?.url, ''],
    ['Redis', redis.socketPath, 'redis-cli -s'],
    ['Data and logs', stack.dataPath, ''],
  ]
  const table = new Table({ style: { head: [], border: [], compact: true } })
  for (const [name, address, remark] of rows) if (address !== undefined) table.push([name, address, remark])
  const leftOut = stack.leftOut.map(({ name, how }) => `without ${name}: ${how}`)
  return [table.toString(), ...stack.notes, ...leftOut, 'Ctrl-C stops everything.', ''].join('\n')
}

/** The addresses as one line of JSON, for scripts. */
export function addressesJson({ redis, aggregator, prometheus, alertmanager, dataPath, leftOut, notes }: Stack): string {
  const urls = {
    aggregator: aggregator.url,
    prometheus: prometheus?.url ?? null,
    alertmanager: alertmanager?.url ?? null,
    redis: redis.url,
  }
  return `${JSON.stringify({ ...urls, data: dataPath, leftOut, notes })}\n`
}

function printError(error: unknown, { stderr }: CliContext): number {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) stderr.write(`fault    ${faultText(fault)}\n`)
    return exitCodes.config
  }
  if (!(error instanceof StackError)) throw error
  stderr.write(`enginescope: ${error.message}\n`)
  for (const line of error.lines) stderr.write(`    ${line}\n`)
  return exitCodes.failed
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first signal aborts; a second one ends this process, and the children with it. */
function untilStopped(onSecond: () => void): { signal: AbortSignal; restore: () => void } {
  const controller = new AbortController()
  const onSignal = () => (controller.signal.aborted ? onSecond() : controller.abort())
  for (const name of stopSignals) process.on(name, onSignal)
  return {
    signal: controller.signal,
    restore: () => {
      for (const name of stopSignals) process.off(name, onSignal)
    },
  }
}

async function useStack(stack: Stack, use: StackUse, stopping: AbortSignal, context: CliContext): Promise<number> {
  const done = new AbortController()
  const ends = AbortSignal.any([stopping, done.signal])
  const used = use(stack, ends)
  try {
    const broken = await Promise.race([used, stack.broken])
    if (!(broken instanceof StackError)) return broken
    printError(broken, context)
    done.abort()
    await used
    return exitCodes.failed
  } finally {
    context.stderr.write('stopping ...\n')
    await stack.stop()
  }
}

/**
 * Starts a stack as the flags say, uses it, and stops it in order whatever happens.
 * @param adjust changes the options, e.g. to add a receiver of alerts. @returns the exit code
 */
export async function withStack(
  command: Command,
  context: CliContext,
  dataFolder: string,
  use: StackUse,
  adjust: (options: StackOptions) => StackOptions = (options) => options,
): Promise<number> {
  let running: Stack | undefined
  const stopper = untilStopped(() => {
    running?.kill()
    process.exit(exitCodes.failed)
  })
  try {
    context.stderr.write('starting ...\n')
    running = await startStack(adjust(stackOptions(command, context, dataFolder, stopper.signal)))
    const isJson = command.opts<UpFlags>().output === 'json'
    context.stdout.write(isJson ? addressesJson(running) : addressesText(running))
    return await useStack(running, use, stopper.signal, context)
  } catch (error) {
    if (stopper.signal.aborted && error === stopper.signal.reason) return exitCodes.ok
    return printError(error, context)
  } finally {
    stopper.restore()
  }
}

async function untilAborted(_stack: Stack, signal: AbortSignal): Promise<number> {
  if (!signal.aborted) await once(signal, 'abort')
  return exitCodes.ok
}

/** Adds `enginescope up`. */
export function registerUp(program: Command, context: CliContext): void {
  const command = program
    .command('up')
    .description(
      'A whole local stack without Docker: its own Redis, the aggregator, Prometheus and Alertmanager where they are installed.',
    )
  addStackFlags(command, '.enginescope').action(async () => {
    process.exitCode = await withStack(command, context, '.enginescope', untilAborted)
  })
}
