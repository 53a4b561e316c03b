import { hostname } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { startDispatcher } from '../../hub/dispatcher/dispatcher-service.ts'
import type { CliContext } from '../context.ts'
import { readId } from '../pairs.ts'
import { advertisedUrl, hubStoreSettings } from './hub.ts'
import { addMemberFlags, memberReporter, runMember } from './member-command.ts'
import { processSeries } from './process-series.ts'

const slotsMax = 100_000

/** Adds `enginescope dispatcher`. */
export function registerDispatcher(program: Command, context: CliContext, version: string): void {
  const command = program
    .command('dispatcher')
    .description('EngineHub: takes processes from the queue and runs their nodes on agents.')
    .requiredOption('--slots <number>', 'processes at once; 0 takes none', readSlots)
    .option('--id <id>', 'name of this dispatcher [default <host>:<pid>]', readId)
  addMemberFlags(command, 'dispatcherPort').action(async (flags: { id?: string; slots: number }) => {
    await runMember(command, context, async (parts) => {
      const { config } = parts
      const instance = flags.id ?? `${hostname()}:${process.pid}`
      const engine = { instance, engineType: 'enginehub-dispatcher', engineVersion: version }
      return startDispatcher({
        ...parts,
        slots: flags.slots,
        version,
        host: config.host,
        port: config.dispatcherPort,
        advertiseUrl: advertisedUrl(config),
        namespace: config.hubNamespace,
        isMetricsOpen: config.metricsAuth === 'none',
        settings: hubStoreSettings(config),
        nodeDeadlineMs: config.hubNodeDeadlineMs,
        triesMax: config.hubNodeTriesMax,
        agentWaitMs: config.hubAgentWaitMs,
        drainMs: config.hubDrainMs,
        processSeries: processSeries(),
        makeReporter: (taskLimit) => memberReporter(parts, engine, { taskLimit }),
      })
    })
  })
}

function readSlots(text: string): number {
  const slots = /^\d{1,6}$/.test(text) ? Number(text) : slotsMax + 1
  if (slots > slotsMax) throw new InvalidArgumentError(`It must be a whole number between 0 and ${slotsMax}.`)
  return slots
}
