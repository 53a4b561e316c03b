/** What the commands of EngineHub's members share: settings, connections, their own log, signals. */
import type { Command } from 'commander'
import { Redis } from 'ioredis'
import { AuthFileError, Authoriser } from '../../access/authoriser.ts'
import { ConfigError, faultText } from '../../config/fault.ts'
import { requireConfig } from '../../config/load.ts'
import type { Config, SettingKey } from '../../config/settings.ts'
import { type Bell, openBell } from '../../hub/bell.ts'
import { type MemberClient, memberClient } from '../../hub/http/member-client.ts'
import { defaultLeaseTimes, type LeaseTimes } from '../../hub/registry/member.ts'
import type { RedisRegistry } from '../../hub/registry/redis/redis-registry.ts'
import type { Registry } from '../../hub/registry/registry.ts'
import type { HubRedis } from '../../hub/scripts.ts'
import { writeTogether } from '../../hub/write-together.ts'
import { createReporter, type Reporter } from '../../reporter/index.ts'
import { createLog, type Log } from '../../serve/log.ts'
import { connected, connectRedis } from '../../serve/redis-clients.ts'
import { type CliContext, exitCodes } from '../context.ts'
import { addSettingFlags, sourcesOf } from '../setting-flags.ts'
import { addTargetFlags, type Target, targetOf } from '../target.ts'
import { openRegistry } from './registry.ts'

/** Everything that is made before a member starts. */
export type MemberParts = {
  readonly config: Config
  readonly log: Log
  readonly redis: HubRedis
  readonly bell: Bell
  readonly registry: Registry & Partial<Pick<RedisRegistry, 'sweep'>>
  readonly authoriser: Authoriser
  /** Calls other members. */
  readonly client: MemberClient
  readonly leaseTimes: LeaseTimes
  readonly renewEveryMs: number
  /** Where the aggregator is. */
  readonly target: Target
  readonly onFault: (error: unknown) => void
  readonly close: () => Promise<void>
}

/** A member that runs. */
export type RunningMember = {
  readonly url: string
  readonly stop: () => Promise<void>
  /** SIGHUP, beside reading tokens again. */
  readonly reload?: () => void
}

/** EX_SOFTWARE: a fault of our own; whoever supervises the process starts it again. */
const exitFault = 70
const connectWithinMs = 3_000
const callTimeoutMs = 10_000
const shareOfLease = 3
const stdoutFd = 1

/** Settings that a member has a use for: its own port, and what all of them share. */
function settingsOfMember(portKey: 'hubPort' | 'dispatcherPort' | 'agentPort'): (key: SettingKey) => boolean {
  const others = new Set<SettingKey>([
    'port',
    'hubPort',
    'dispatcherPort',
    'agentPort',
    'redis',
    'shards',
    'leaseMs',
    'durability',
  ])
  others.delete(portKey)
  const alsoRead = new Set<SettingKey>([
    'host',
    'logLevel',
    'logFormat',
    'authFile',
    'auth',
    'metricsAuth',
    'redis',
    'retentionMs',
  ])
  return (key) =>
    alsoRead.has(key) || ((key.startsWith('hub') || key.startsWith('dispatcher') || key.startsWith('agent')) && !others.has(key))
}

/** Adds the flags of a member. */
export function addMemberFlags(command: Command, portKey: 'hubPort' | 'dispatcherPort' | 'agentPort'): Command {
  return addTargetFlags(addSettingFlags(command, settingsOfMember(portKey)))
}

/** Starts a member and runs it until a signal comes; ends the process. @throws what is no fault of the configuration */
export async function runMember(
  command: Command,
  context: CliContext,
  start: (parts: MemberParts) => Promise<RunningMember>,
): Promise<never> {
  let flush = () => {}
  try {
    const { config, warnings } = requireConfig(sourcesOf(command, context))
    const own = createLog({ level: config.logLevel, format: config.logFormat }, stdoutFd)
    flush = own.flush
    for (const warning of warnings) own.log.warn({}, faultText(warning))
    const parts = await makeParts(config, own.log, own.flush, targetOf(command.opts(), context.env))
    const member = await start(parts)
    own.log.info({ url: member.url }, `${command.name()} is ready`)
    await stoppedBySignal(member, parts)
    own.log.info({}, 'stopped')
    flush()
    process.exit(exitCodes.ok)
  } catch (error) {
    flush()
    process.exit(printStartError(error, context))
  }
}

/** The reporter of a member, named by its id. */
export function memberReporter(
  { target, config }: MemberParts,
  engine: { instance: string; engineType: string; engineVersion: string },
  counts: { taskLimit?: () => number; pendingTasks?: () => number },
): Reporter {
  return createReporter({
    url: target.url,
    token: target.token,
    namespace: config.hubNamespace,
    engine,
    handleExit: false,
    // The nodes of a process are short: its progress is to be seen while it runs.
    settings: { firstReportMs: 50, reportIntervalMs: 1_000 },
    measureUsage: false,
    ...counts,
    // Where reports do not arrive is for the aggregator's own readers to see; work does not wait for it.
    onProblem: () => undefined,
  })
}

async function makeParts(config: Config, log: Log, flush: () => void, target: Target): Promise<MemberParts> {
  const onFault = (error: unknown) => {
    log.error({ error }, 'a fault of our own; the process ends')
    flush()
    process.exit(exitFault)
  }
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
  const authoriser = new Authoriser({ file: config.authFile })
  const connect = () =>
    connectRedis(config.hubRedis ?? config.redis, 'read', (error) => log.debug({ error }, 'trouble on a connection to the store'))
  const [redis, ear] = [connect(), connect()]
  if (redis instanceof Redis) writeTogether(redis)
  await Promise.all([connected(redis, connectWithinMs), connected(ear, connectWithinMs)])
  const bell = openBell(ear)
  const leaseTimes = { ...defaultLeaseTimes, leaseMs: config.hubMemberLeaseMs, suspectMs: config.hubMemberLeaseMs }
  const client = memberClient({ token: target.token, timeoutMs: callTimeoutMs, bodyBytesMax: config.hubDataMaxBytes })
  const registry = openRegistry(config, { redis, bell, leaseTimes, client })
  return {
    config,
    log,
    redis,
    bell,
    registry,
    authoriser,
    client,
    leaseTimes,
    renewEveryMs: Math.ceil(leaseTimes.leaseMs / shareOfLease),
    target,
    onFault,
    async close() {
      await registry.close()
      authoriser.close()
      bell.close()
      redis.disconnect()
    },
  }
}

async function stoppedBySignal(member: RunningMember, parts: MemberParts): Promise<void> {
  process.on('SIGHUP', () => {
    parts.authoriser.reload()
    member.reload?.()
  })
  await new Promise<void>((resolve, reject) => {
    let isStopping = false
    const stop = () => {
      // A second signal does not wait for the first one's good manners.
      if (isStopping) process.exit(exitCodes.failed)
      isStopping = true
      member.stop().then(resolve, reject)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
  await parts.close()
}

function printStartError(error: unknown, { stderr }: CliContext): number {
  if (error instanceof ConfigError || error instanceof AuthFileError) {
    for (const fault of error.faults) stderr.write(`fault    ${faultText(fault)}\n`)
    return exitCodes.config
  }
  const isExpected = error instanceof Error && !(error instanceof TypeError)
  stderr.write(`enginescope: ${isExpected ? error.message : String(error)}\n`)
  return isExpected ? exitCodes.failed : exitFault
}
