/** Every setting of the aggregator, once: name, kind, default, meaning. Parsing, `--help`, `check-config` and the reference page are made from it. */
import { hubSettings } from './hub-settings.ts'
import { limitSettings } from './limit-settings.ts'
import { runtimeSettings } from './runtime-settings.ts'
import { sednaSettings } from './sedna-settings.ts'
import { serviceSettings } from './service-settings.ts'
import type { Setting } from './setting.ts'

/** Keys are those of {@link Config}, with the unit of the parsed value last. */
export const settings = { ...serviceSettings, ...runtimeSettings, ...limitSettings, ...hubSettings, ...sednaSettings } as const

type Settings = typeof settings
export type SettingKey = keyof Settings

/** All settings, checked. `undefined` where one is optional and not given. */
export type Config = { readonly [K in SettingKey]: Settings[K] extends Setting<infer T> ? T : never }

/** The keys of {@link settings}, in order. */
export function settingKeys(): SettingKey[] {
  return Object.keys(settings) as SettingKey[]
}
