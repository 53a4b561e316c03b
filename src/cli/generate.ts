import { resolve } from 'node:path'
import type { Command } from 'commander'
import { settingsTable } from '../config/settings-table.ts'
import { errorTable } from '../errors.ts'
import { type CliContext, exitCodes } from './context.ts'

type GenerateFlags = {
  readonly check: boolean
  readonly into: string
  readonly job?: string
  readonly grafanaUrl?: string
  readonly runbookUrl?: string
  readonly publicUrl?: string
}

/** Adds `enginescope generate`. */
export function registerGenerate(program: Command, context: CliContext): void {
  program
    .command('generate')
    .description('Write the dashboards, Prometheus rules with their tests, and reference pages from the catalogue.')
    .option('--check', 'Write nothing: list what is not up to date and leave with 1 if anything is.', false)
    .option('--into <folder>', 'Folder to write below.', '.')
    .option('--job <name>', 'Name of the Prometheus job that scrapes the aggregator. [default enginescope]')
    .option('--grafana-url <url>', 'Base of the links from alerts to dashboards. [default http://localhost:3000]')
    .option('--runbook-url <url>', 'Runbook that alerts link to. [default docs/runbook.md]')
    .option('--public-url <url>', 'Base of the links from dashboards to the console. [default http://127.0.0.1:7717]')
    .action(async (flags: GenerateFlags) => {
      process.exitCode = await generate(flags, context)
    })
}

/** Writes or compares everything that is generated. @returns the exit code */
async function generate(flags: GenerateFlags, { stdout, stderr }: CliContext): Promise<number> {
  // Not read at the start of the program: what draws dashboards is installed for development only.
  const { contributions, freshness, writeArtefacts } = await import('../generate/index.ts')
  const root = resolve(flags.into)
  const made = contributions({
    settings: settingsTable,
    errors: errorTable,
    rules: given({ job: flags.job, grafanaUrl: bare(flags.grafanaUrl), runbookUrl: flags.runbookUrl }),
    ...given({ consoleUrl: bare(flags.publicUrl) }),
  })
  if (!flags.check) for (const path of writeArtefacts(made, root)) stdout.write(`written    ${path}\n`)
  const { missing, stale, leftOver } = freshness(made, root)
  for (const path of missing) stderr.write(`missing    ${path}\n`)
  for (const path of stale) stderr.write(`stale      ${path}\n`)
  for (const path of leftOver) stderr.write(`left over  ${path}: nothing makes it any more, delete it\n`)
  const faults = missing.length + stale.length + leftOver.length
  if (faults > 0 && flags.check) stderr.write('Not up to date; `npm run generate` writes what is missing or stale.\n')
  else if (faults === 0) stdout.write(`${made.flatMap(({ artefacts }) => artefacts).length} files are up to date.\n`)
  return faults === 0 ? exitCodes.ok : exitCodes.failed
}

function bare(url: string | undefined): string | undefined {
  return url?.replace(/\/+$/, '')
}

/** Without what was not given. */
function given<T extends Readonly<Record<string, string | undefined>>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: string }
}
