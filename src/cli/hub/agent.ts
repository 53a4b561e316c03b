import { hostname } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { agentMetrics } from '../../catalogue/hub.ts'
import { startAgent } from '../../hub/agent/agent-service.ts'
import type { CliContext } from '../context.ts'
import { readId } from '../pairs.ts'
import { advertisedUrl } from './hub.ts'
import { addMemberFlags, memberReporter, runMember } from './member-command.ts'
import { processSeries } from './process-series.ts'

type AgentFlags = { algorithm: string; module: string; capacity: number; id?: string }

const capacityMax = 1_000

/** Adds `enginescope agent`. */
export function registerAgent(program: Command, context: CliContext, version: string): void {
  const command = program
    .command('agent')
    .description('EngineHub: offers one algorithm, a module that exports run({input, model, log, warn, progress, signal}).')
    .requiredOption('--algorithm <key>', 'what it offers, e.g. classifier.decisionTree.id3', readId)
    .requiredOption('--module <file>', 'JavaScript module that exports run, and algorithm if it likes')
    .option('--capacity <n>', 'events run at once', readCapacity, 1)
    .option('--id <id>', 'name of this agent [default <host>:<pid>/<algorithm>]', readId)
  addMemberFlags(command, 'agentPort').action(async (flags: AgentFlags) => {
    await runMember(command, context, async (parts) => {
      const { config } = parts
      const instance = flags.id ?? `${hostname()}:${process.pid}/${flags.algorithm}`
      const engine = { instance, engineType: 'enginehub-agent', engineVersion: version }
      return startAgent({
        ...parts,
        algorithmKey: flags.algorithm,
        moduleFile: flags.module,
        limits: {
          capacity: flags.capacity,
          runMsMax: config.agentRunMaxMs,
          abortGraceMs: config.agentAbortGraceMs,
          memoryBytesMax: config.agentMemoryMaxBytes,
          outputBytesMax: config.hubDataMaxBytes,
          drainMs: config.hubDrainMs,
        },
        families: agentMetrics,
        version,
        host: config.host,
        port: config.agentPort,
        advertiseUrl: advertisedUrl(config),
        namespace: config.hubNamespace,
        isMetricsOpen: config.metricsAuth === 'none',
        processSeries: processSeries(),
        reporter: memberReporter(parts, engine, { taskLimit: () => flags.capacity }),
      })
    })
  })
}

function readCapacity(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= capacityMax) return value
  throw new InvalidArgumentError(`give a whole number of 1..${capacityMax}`)
}
