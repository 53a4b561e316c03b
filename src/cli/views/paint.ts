import type { Writable } from 'node:stream'
import type { CliContext } from '../context.ts'

const codes = { bold: 1, faint: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const
export type Colour = keyof typeof codes

/** Colours a text, or leaves it as it is. */
export type Paint = (text: string, colour: Colour | undefined) => string

/** Colours on a terminal, unless `NO_COLOR` is set or the terminal is dumb. */
export function paintFor({ env, stdout }: Pick<CliContext, 'env' | 'stdout'>): Paint {
  const isOn = isTerminal(stdout) && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return (text, colour) => (isOn && colour !== undefined ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text)
}

export function isTerminal(stream: Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true
}

const statusColours: Readonly<Record<string, Colour>> = {
  running: 'blue',
  succeeded: 'green',
  live: 'green',
  failed: 'red',
  timed_out: 'red',
  lost: 'red',
  suspect: 'yellow',
  suspended: 'yellow',
  waiting_for_retry: 'yellow',
  cancelled: 'faint',
}

/** Colour of a task's status or an engine's state. */
export function colourOfStatus(status: string): Colour | undefined {
  return statusColours[status]
}

/** Colour of a log line's level. */
export function colourOfLevel(level: string): Colour | undefined {
  if (level === 'ERROR' || level === 'FATAL') return 'red'
  if (level === 'WARN') return 'yellow'
  return level === 'INFO' ? undefined : 'faint'
}
