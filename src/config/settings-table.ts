import type { SettingGroup } from './setting.ts'
import { flagOf, variableOf } from './setting-names.ts'
import { type SettingKey, settingKeys, settings } from './settings.ts'

/** A setting as the reference page, `--help` and `check-config` show it. */
export type SettingRow = {
  readonly key: SettingKey
  readonly group: SettingGroup
  readonly name: string
  readonly variable: string
  readonly flag: string
  readonly unit: string
  readonly default: string
  readonly meaning: string
  readonly isSecret: boolean
  readonly hasFile: boolean
}

/** Every setting as data, in the order in which they are listed. */
export const settingsTable: readonly SettingRow[] = settingKeys().map((key) => {
  const setting = settings[key]
  const flag = flagOf(setting.fromFile === 'only' ? `${setting.name}File` : setting.name)
  return {
    key,
    group: setting.group,
    name: setting.name,
    variable: variableOf(setting.name),
    flag,
    unit: setting.kind.unit,
    default: setting.default ?? '',
    meaning: setting.meaning,
    isSecret: setting.fromFile === 'only',
    hasFile: setting.fromFile !== 'no',
  }
})
