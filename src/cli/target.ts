import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { CliContext } from './context.ts'

/** Where a command finds the aggregator, and how it is let in. */
export type Target = { readonly url: string; readonly token: string | undefined }

const defaultUrl = 'http://127.0.0.1:7717'

/** Adds `--url` and `--token`. */
export function addTargetFlags(command: Command): Command {
  return command
    .option('--url <url>', `where the aggregator listens [env ENGINESCOPE_URL, default ${defaultUrl}]`)
    .option('--token <token>', 'bearer token with the role report; others may see it here [env ENGINESCOPE_TOKEN or _FILE]')
}

/** The target by flag, environment or default, in this order. @throws Error when a token file cannot be read or the url is none */
export function targetOf(flags: { url?: string; token?: string }, env: CliContext['env']): Target {
  const url = firstText(flags.url, env['ENGINESCOPE_URL']) ?? defaultUrl
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new Error(`${url} is not an http or https address`)
  const file = firstText(env['ENGINESCOPE_TOKEN_FILE'])
  const token = firstText(flags.token, env['ENGINESCOPE_TOKEN'])
  return { url, token: token ?? (file === undefined ? undefined : readFileSync(file, 'utf8').trim()) }
}

function firstText(...values: (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '')
}
