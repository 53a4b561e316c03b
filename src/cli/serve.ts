import type { Command } from 'commander'
import { AuthFileError } from '../access/authoriser.ts'
import { ConfigError, faultText } from '../config/fault.ts'
import { requireConfig } from '../config/load.ts'
import { createLog } from '../serve/log.ts'
import { type Service, startService } from '../serve/service.ts'
import { type CliContext, exitCodes } from './context.ts'
import { addSettingFlags, ofAggregator, sourcesOf } from './setting-flags.ts'

/** EX_SOFTWARE: a fault of our own; whoever supervises the process starts it again. */
const exitFault = 70
const stdoutFd = 1

/** Runs the aggregator until a signal comes. @returns the exit code */
async function serve(command: Command, context: CliContext, version: string): Promise<number> {
  const { config, warnings } = requireConfig(sourcesOf(command, context))
  const { log, flush } = createLog({ level: config.logLevel, format: config.logFormat }, stdoutFd)
  for (const warning of warnings) log.warn({}, faultText(warning))
  const onFatal = (reason: 'fault' | 'configuration', error: unknown) => {
    log.error(
      { error },
      reason === 'fault' ? 'a fault of our own; the process ends' : 'the store must not be used as it is set up',
    )
    flush()
    process.exit(reason === 'fault' ? exitFault : exitCodes.config)
  }
  process.on('uncaughtException', (error) => onFatal('fault', error))
  process.on('unhandledRejection', (error) => onFatal('fault', error))
  const service = await startService({ config, version, log, onFatal })
  log.info({ url: service.url, version }, 'ready for reports')
  await stoppedBySignal(service)
  log.info({}, 'stopped')
  flush()
  return exitCodes.ok
}

function stoppedBySignal(service: Service): Promise<void> {
  process.on('SIGHUP', () => service.reload())
  return new Promise((resolve, reject) => {
    let isStopping = false
    const stop = () => {
      // A second signal does not wait for the first one's good manners.
      if (isStopping) process.exit(exitCodes.failed)
      isStopping = true
      service.stop().then(resolve, reject)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

/** Adds `enginescope serve`. */
export function registerServe(program: Command, context: CliContext, version: string): void {
  const command = program.command('serve').description('The aggregator: takes reports, serves state, series and streams.')
  addSettingFlags(command, ofAggregator).action(async () => {
    try {
      process.exit(await serve(command, context, version))
    } catch (error) {
      process.exitCode = printStartError(error, context)
      process.exit()
    }
  })
}

function printStartError(error: unknown, { stderr }: CliContext): number {
  if (error instanceof ConfigError || error instanceof AuthFileError) {
    for (const fault of error.faults) stderr.write(`fault    ${faultText(fault)}\n`)
    return exitCodes.config
  }
  if (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'EADDRINUSE' || error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL')
  ) {
    stderr.write(`enginescope: cannot listen: ${error.message}\n`)
    return exitCodes.failed
  }
  throw error
}
