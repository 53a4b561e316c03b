/** How settings are called in the file, in the environment and on the command line. */
import { type SettingKey, settingKeys, settings } from './settings.ts'

/** Names that other commands read from the environment; known here so that `check-config` does not call them unknown. */
export const otherVariables: readonly string[] = [
  'ENGINESCOPE_ALERTMANAGER_PORT',
  'ENGINESCOPE_CONFIG',
  'ENGINESCOPE_DATA',
  'ENGINESCOPE_HUB_URL',
  'ENGINESCOPE_PROMETHEUS_PORT',
  'ENGINESCOPE_RULES',
  'ENGINESCOPE_SCRAPE_INTERVAL',
  'ENGINESCOPE_TOKEN',
  'ENGINESCOPE_TOKEN_FILE',
  'ENGINESCOPE_URL',
]

const words = (name: string) =>
  name
    .replace(/[A-Z]/g, (letter) => ` ${letter}`)
    .toLowerCase()
    .split(' ')

/** `lostAfter` → `ENGINESCOPE_LOST_AFTER`. */
export function variableOf(name: string): string {
  return `ENGINESCOPE_${words(name).join('_').toUpperCase()}`
}

/** `lostAfter` → `--lost-after`. */
export function flagOf(name: string): string {
  return `--${words(name).join('-')}`
}

/** One way to write a setting down: itself, or the path of a file that holds its value. */
export type Spelling = { readonly key: SettingKey; readonly name: string; readonly isPath: boolean; readonly hasFlag: boolean }

/** Every name that a source may hold, the `*File` names included. */
export const spellings: readonly Spelling[] = settingKeys().flatMap((key) => {
  const { name, fromFile } = settings[key]
  const direct = { key, name, isPath: false, hasFlag: fromFile !== 'only' }
  return fromFile === 'no' ? [direct] : [direct, { key, name: `${name}File`, isPath: true, hasFlag: true }]
})
