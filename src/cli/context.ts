import type { Readable, Writable } from 'node:stream'

/** What a command gets from `main.ts`: the only place that reads the process. */
export type CliContext = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Exit codes of every command; 2 is a wrong use of flags, 78 a configuration that cannot be used (EX_CONFIG). */
export const exitCodes = { ok: 0, failed: 1, usage: 2, config: 78 } as const
