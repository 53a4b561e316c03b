import Table from 'cli-table3'
import { type Command, Option } from 'commander'
import { readAuthFile } from '../access/auth-file.ts'
import { readTaskTypes } from '../catalogue/index.ts'
import { type Fault, faultText } from '../config/fault.ts'
import { type ConfigReading, type ConfigSources, loadConfig, printSetting } from '../config/load.ts'
import { settingsTable } from '../config/settings-table.ts'
import { readListed } from '../serve/listed-runtimes.ts'
import { type CliContext, exitCodes } from './context.ts'
import { addSettingFlags, sourcesOf } from './setting-flags.ts'

/** A setting in force, as it is shown: secrets as `<secret>`. */
type ShownSetting = { readonly name: string; readonly value: string; readonly source: string }

/** What `check-config` found out. */
export type ConfigReport = {
  readonly isUsable: boolean
  readonly faults: readonly Fault[]
  readonly warnings: readonly Fault[]
  /** Empty when there are faults. */
  readonly settings: readonly ShownSetting[]
}

function authFaults(authFile: string | undefined): readonly Fault[] {
  return authFile === undefined ? [] : (readAuthFile(authFile).faults ?? [])
}

function taskTypeFaults(taskTypesFile: string | undefined): readonly Fault[] {
  return taskTypesFile === undefined ? [] : (readTaskTypes(taskTypesFile).faults ?? [])
}

function runtimeFaults(reading: ConfigReading): readonly Fault[] {
  const { runtimes, runtimeTopics } = reading.config ?? reading.values
  if (runtimes === undefined || runtimeTopics === undefined) return []
  return readListed({ runtimes, runtimeTopics }, reading.config && reading.origins.runtimes).faults
}

function shown(reading: ConfigReading): ShownSetting[] {
  if (reading.config === undefined) return []
  const { config, origins } = reading
  return settingsTable.map(({ key, name }) => ({ name, value: printSetting(config, key), source: origins[key] }))
}

/** Reads every source, the auth file, the file of task types and the listed runtimes. Never throws: every fault is in the report. */
export function checkConfig(sources: ConfigSources): ConfigReport {
  const reading = loadConfig(sources)
  const { authFile, taskTypesFile } = reading.config ?? reading.values
  const faults = [...(reading.faults ?? []), ...authFaults(authFile), ...taskTypeFaults(taskTypesFile), ...runtimeFaults(reading)]
  const isUsable = faults.length === 0
  return { isUsable, faults, warnings: reading.warnings, settings: isUsable ? shown(reading) : [] }
}

function tableOf(settings: readonly ShownSetting[], showsAll: boolean): string {
  const rows = settings.filter(({ source }) => showsAll || source !== 'default')
  if (rows.length === 0) return 'Every setting has its default; --all lists them.\n'
  const table = new Table({ head: ['setting', 'value', 'from'], style: { head: [], border: [], compact: true } })
  table.push(...rows.map(({ name, value, source }) => [name, value, source]))
  return `${table.toString()}\n`
}

function printText(
  { faults, warnings, isUsable, settings }: ConfigReport,
  showsAll: boolean,
  { stdout, stderr }: CliContext,
): void {
  for (const warning of warnings) stderr.write(`warning  ${faultText(warning)}\n`)
  for (const fault of faults) stderr.write(`fault    ${faultText(fault)}\n`)
  if (isUsable) stdout.write(`${tableOf(settings, showsAll)}The configuration can be used.\n`)
  else stderr.write(`The configuration cannot be used; faults: ${faults.length}.\n`)
}

/** Adds `enginescope check-config`. */
export function registerCheckConfig(program: Command, context: CliContext): void {
  const command = program
    .command('check-config')
    .description('Read every setting, the auth file and the task types, report every fault at once, leave: 0 usable, 78 not.')
    .option('--all', 'List the defaults too.', false)
    .addOption(new Option('--output <form>', 'how to print').choices(['text', 'json']).default('text'))
  addSettingFlags(command, () => true).action(() => {
    const options = command.opts<{ all: boolean; output: string }>()
    const report = checkConfig(sourcesOf(command, context))
    if (options.output === 'json') context.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    else printText(report, options.all, context)
    process.exitCode = report.isUsable ? exitCodes.ok : exitCodes.config
  })
}
