/** The settings as flags of a command, and what was given for them. */
import { type Command, Option } from 'commander'
import type { ConfigSources } from '../config/load.ts'
import type { SettingGroup } from '../config/setting.ts'
import { flagOf, spellings, variableOf } from '../config/setting-names.ts'
import { type SettingKey, settings } from '../config/settings.ts'
import type { CliContext } from './context.ts'

const headings: Readonly<Record<SettingGroup, string>> = {
  server: 'Server:',
  access: 'Access:',
  redis: 'Redis:',
  logs: 'Logs:',
  links: 'Links:',
  times: 'Times:',
  runtimes: 'Runtimes:',
  limits: 'Limits:',
  hub: 'EngineHub:',
  sedna: 'Sedna:',
}

function helpOf(name: string, isPath: boolean, key: keyof typeof settings): string {
  const { meaning, default: byDefault } = settings[key]
  const text = isPath ? `File that holds ${settings[key].name}.` : meaning
  return `${text} [${byDefault === undefined || isPath ? '' : `default ${byDefault}, `}env ${variableOf(name)}]`
}

/** Settings of the aggregator: all but those of the hub. */
export const ofAggregator = (key: SettingKey) => settings[key].group !== 'hub'

/**
 * Adds `--config` and one flag per setting; secrets have only the flag that names their file.
 * @param isTaken which settings the command has a use for; the others may stand in the file and the environment all the same
 */
export function addSettingFlags(command: Command, isTaken: (key: SettingKey) => boolean): Command {
  command.addOption(
    new Option('--config <path>', 'Settings as YAML. [default ./enginescope.yaml if it is there, env ENGINESCOPE_CONFIG]'),
  )
  for (const { key, name, isPath, hasFlag } of spellings) {
    if (!hasFlag || !isTaken(key)) continue
    const { group, kind } = settings[key]
    const unit = isPath ? 'path' : kind.unit.includes('|') ? 'word' : kind.unit
    command.addOption(new Option(`${flagOf(name)} <${unit}>`, helpOf(name, isPath, key)).helpGroup(headings[group]))
  }
  return command
}

/** The sources of a command that had {@link addSettingFlags}: its flags, the environment, the file. */
export function sourcesOf(command: Command, context: Pick<CliContext, 'env'>): ConfigSources {
  const options: Record<string, unknown> = command.opts()
  const given = spellings.flatMap(({ name }): [string, string][] => {
    const value = options[name]
    return typeof value === 'string' && command.getOptionValueSource(name) === 'cli' ? [[name, value]] : []
  })
  const file = options['config']
  return { env: context.env, flags: Object.fromEntries(given), file: typeof file === 'string' ? file : undefined }
}
