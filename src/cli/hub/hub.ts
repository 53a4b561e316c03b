import { hostname } from 'node:os'
import type { Command } from 'commander'
import { hubMetrics } from '../../catalogue/hub.ts'
import type { Config } from '../../config/settings.ts'
import { startHub } from '../../hub/service/hub-service.ts'
import type { HubStoreSettings } from '../../hub/store/settings.ts'
import type { CliContext } from '../context.ts'
import { readId } from '../pairs.ts'
import { addMemberFlags, memberReporter, runMember } from './member-command.ts'
import { processSeries } from './process-series.ts'

/** Adds `enginescope hub`. */
export function registerHub(program: Command, context: CliContext, version: string): void {
  const command = program
    .command('hub')
    .description('EngineHub: takes flows, keeps the queue of their runs, shows what dispatchers and agents make of them.')
    .option('--id <id>', 'name of this hub [default <host>:hub]', readId)
  addMemberFlags(command, 'hubPort').action(async (flags: { id?: string }) => {
    await runMember(command, context, async (parts) => {
      const { config } = parts
      const instance = flags.id ?? `${hostname()}:hub`
      const engine = { instance, engineType: 'enginehub-hub', engineVersion: version }
      return startHub({
        ...parts,
        version,
        host: config.host,
        port: config.hubPort,
        advertiseUrl: advertisedUrl(config),
        namespace: config.hubNamespace,
        isMetricsOpen: config.metricsAuth === 'none',
        settings: hubStoreSettings(config),
        families: hubMetrics,
        seriesMax: config.hubSeriesMax,
        processSeries: processSeries(),
        makeReporter: (pendingTasks) => memberReporter(parts, engine, { pendingTasks }),
      })
    })
  })
}

/** Without a slash at the end. */
export function advertisedUrl({ hubAdvertiseUrl }: Config): string | undefined {
  return hubAdvertiseUrl === undefined ? undefined : String(hubAdvertiseUrl).replace(/\/+$/, '')
}

/** The settings as the hub's store wants them. */
export function hubStoreSettings(config: Config): HubStoreSettings {
  return {
    leaseMs: config.hubLeaseMs,
    lostAfterMs: config.hubLostAfterMs,
    retentionMs: config.retentionMs,
    attemptsMax: config.hubAttemptsMax,
    dataBytesMax: config.hubDataMaxBytes,
    queueMax: config.hubQueueMax,
    flowsMax: config.hubFlowsMax,
    bounds: { scheduleToStart: hubMetrics.hubScheduleToStart.buckets, node: hubMetrics.hubNode.buckets },
  }
}
