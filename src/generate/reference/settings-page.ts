import { code, page, table } from './markdown.ts'

/** A setting as `src/config` lists it. */
export type SettingRow = {
  readonly group: string
  readonly name: string
  readonly variable: string
  readonly flag: string
  readonly unit: string
  readonly default: string
  readonly meaning: string
  readonly isSecret: boolean
  readonly hasFile: boolean
}

/** Every setting of the aggregator, under the headings of its groups. */
export function settingsPage(settings: readonly SettingRow[]): string {
  const groups = [...new Set(settings.map(({ group }) => group))]
  return page(
    'src/config/settings.ts',
    '# Settings',
    'Each can stand in `enginescope.yaml` under its name, in the environment, or on the command line; the later wins. `enginescope check-config --all` shows what is in force and where it comes from. Durations are written `15s`, `5m`, `7d`; sizes `64KiB`, `256MiB`.',
    ...groups.flatMap((group) => [
      `## ${group.charAt(0).toUpperCase()}${group.slice(1)}`,
      table(
        ['Setting', 'Environment', 'Flag', 'Kind', 'Default', 'Meaning'],
        settings.filter((setting) => setting.group === group).map(row),
      ),
    ]),
  )
}

function row({ name, variable, flag, unit, default: byDefault, meaning, isSecret, hasFile }: SettingRow): readonly string[] {
  const variables = hasFile ? `${code(variable)}, ${code(`${variable}_FILE`)}` : code(variable)
  const inFile = isSecret ? `${meaning} Never on the command line: the flag names a file that holds it.` : meaning
  return [code(name), variables, code(flag), unit, byDefault === '' ? 'none' : code(byDefault), inFile]
}
