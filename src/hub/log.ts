import { isOwnFault } from './store-fault.ts'

/** Where a member writes its own log; handed in by the command. */
export type HubLog = {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** Tells of trouble that is lived with: a fault of ours is an error, whatever level the rest is worth. */
export function logTrouble(log: HubLog, level: 'debug' | 'warn', error: unknown, message: string): void {
  log[isOwnFault(error) ? 'error' : level]({ error }, message)
}
