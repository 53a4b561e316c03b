/** What every example reads from its environment. */
import { parseArgs } from 'node:util'

/** Says what is wrong with how an example was started, and ends it. */
function refuse(message: string): never {
  console.error(message)
  process.exit(2)
}

/** Where the aggregator is, and the token for it. Ends the process when `ENGINESCOPE_URL` is not set. */
export function aggregator(): { url: string; token: string | undefined } {
  const url = process.env['ENGINESCOPE_URL']
  if (!url) return refuse('set ENGINESCOPE_URL to the address of the aggregator, e.g. http://127.0.0.1:7717')
  return { url, token: process.env['ENGINESCOPE_TOKEN'] || undefined }
}

/** A whole number above 0 given as a flag. Ends the process when it is none. */
export function count(name: string, text: string): number {
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= 1 ? value : refuse(`--${name} must be a whole number above 0`)
}

/** A number above 0 given as a flag. Ends the process when it is none. */
export function amount(name: string, text: string): number {
  const value = Number(text)
  return Number.isFinite(value) && value > 0 ? value : refuse(`--${name} must be a number above 0`)
}

/** A flag of an example: what it is when it is not given, and what it is for. */
export type Flag = { readonly default: string; readonly about: string }

/** Reads the flags, or prints what there are and ends the process: 0 for `--help`, 2 for a flag that there is not. */
export function readFlags<Name extends string>(
  about: string,
  flags: Readonly<Record<Name, Flag>>,
): Readonly<Record<Name, string>> {
  const known = Object.entries<Flag>(flags)
  const options = Object.fromEntries(known.map(([name, flag]) => [name, { type: 'string' as const, default: flag.default }]))
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h', default: false } } })
    if (values['help'] !== true) return values as Record<Name, string>
    const lines = known.map(([name, flag]) => `  --${name.padEnd(26)}${flag.about}${flag.default && ` (${flag.default})`}`)
    console.log(
      `${about}\n\n${lines.join('\n')}\n\nENGINESCOPE_URL says where the aggregator is, ENGINESCOPE_TOKEN is the token for it.`,
    )
    process.exit(0)
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\nsee --help`)
  }
}
