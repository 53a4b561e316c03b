/** Runtimes that stand in the settings: read as registrations are, and entered at the start. */
import { ConfigError, type Fault } from '../config/fault.ts'
import type { Config } from '../config/settings.ts'
import { ScopeError } from '../errors.ts'
import { type Registration, readRegistration } from '../monitor/registration.ts'
import { enter } from '../monitor/runtime-desk.ts'
import type { RuntimeStore } from '../monitor/runtime-store.ts'
import type { Log } from './log.ts'

type Listed = Pick<Config, 'runtimes' | 'runtimeTopics'>

/** Reads every runtime of the settings. @param source where they stand, for the faults */
export function readListed(
  { runtimes, runtimeTopics }: Listed,
  source = 'runtimes',
): { readonly specs: readonly Registration[]; readonly faults: readonly Fault[] } {
  const specs: Registration[] = []
  const faults: Fault[] = []
  for (const { token, ...listed } of runtimes) {
    try {
      specs.push(readRegistration({ ...listed, token: token?.reveal() }, runtimeTopics))
    } catch (error) {
      if (!(error instanceof ScopeError)) throw error
      faults.push({ source, message: `runtimes: ${listed.runtimeId}: ${error.message}` })
    }
  }
  return { specs, faults }
}

/** As {@link readListed}. @throws ConfigError with every fault */
export function requireListed(config: Listed): readonly Registration[] {
  const { specs, faults } = readListed(config)
  if (faults.length > 0) throw new ConfigError(faults)
  return specs
}

export type Entering = {
  readonly specs: readonly Registration[]
  readonly runtimes: RuntimeStore
  readonly runtimesMax: number
  readonly nowMs: () => number
  readonly log: Log
  readonly onEntered: () => void
}

const everyMs = 5_000

/** Enters the runtimes of the settings, however long the store takes to come. @returns the timer, to be cleared at the end */
export function enterListed({ specs, onEntered, log, ...desk }: Entering): NodeJS.Timeout {
  let left = specs
  const round = async () => {
    const failed: Registration[] = []
    for (const spec of left) {
      try {
        await enter(desk, spec)
        onEntered()
      } catch (error) {
        if (error instanceof ScopeError && error.code === 'REDIS_UNAVAILABLE') failed.push(spec)
        else log.error({ runtime: spec.runtimeId, error }, 'a runtime of the settings cannot be followed')
      }
    }
    left = failed
  }
  let running = round()
  return setInterval(() => {
    if (left.length > 0) running = running.then(round)
  }, everyMs).unref()
}
