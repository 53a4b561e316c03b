import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { conflictsOf, type Values } from './cross-checks.ts'
import { ConfigError, type Fault } from './fault.ts'
import { type Config, type SettingKey, settingKeys, settings } from './settings.ts'
import { type Environment, fromEnvironment, fromFile, fromFlags, type Gathered, together } from './sources.ts'

/** Where settings may come from. Later ones win: file, environment, flags. */
export type ConfigSources = {
  /** `--config`; without it `enginescope.yaml` in `folder`, if there is one. */
  readonly file?: string | undefined
  readonly env: Environment
  /** Text by setting name: `{ lostAfter: '30s' }`. */
  readonly flags?: Environment
  /** What relative paths start from; the working folder by default. */
  readonly folder?: string
}

/** Where each value came from: `default`, `enginescope.yaml:3`, `ENGINESCOPE_PORT`, `--port`. */
export type Origins = { readonly [K in SettingKey]: string }

/** What came of reading: either a configuration, or every fault at once. Warnings go with both. */
export type ConfigReading = { readonly warnings: readonly Fault[] } & (
  | { readonly config: Config; readonly origins: Origins; readonly faults?: never }
  | { readonly faults: readonly Fault[]; readonly config?: never /** What could be read. */; readonly values: Values }
)

const defaultFile = 'enginescope.yaml'
const byDefault = 'default'

function gather({ file, env, flags = {}, folder = '.' }: ConfigSources): Gathered {
  const named = file ?? (env['ENGINESCOPE_CONFIG'] || undefined)
  const path = named ?? (existsSync(resolve(folder, defaultFile)) ? defaultFile : undefined)
  const fromFiles = path === undefined ? [] : [fromFile(path, folder)]
  return together([...fromFiles, fromEnvironment(env, folder), fromFlags(flags, folder)])
}

type Reading = { values: Partial<Record<SettingKey, unknown>>; origins: Partial<Record<SettingKey, string>>; faults: Fault[] }

function readOne(key: SettingKey, gathered: Gathered, into: Reading): void {
  const setting = settings[key]
  const given = gathered.values.get(key)
  const text = given?.text ?? setting.default
  into.origins[key] = given?.source ?? byDefault
  if (text === undefined) return
  const parsed = setting.kind.schema.safeParse(text)
  if (parsed.success) into.values[key] = parsed.data
  else
    for (const issue of parsed.error.issues)
      into.faults.push({ source: given?.source ?? byDefault, message: `${setting.name} ${issue.message}` })
}

/** Defaults that follow from another setting, so that shortening one time does not force a second one. */
function derive(values: Partial<Config>, origins: Reading['origins']): Partial<Config> {
  const { suspectAfterMs = 0, lostAfterMs = suspectAfterMs, tailRetentionMs = 0, retentionMs = tailRetentionMs } = values
  return {
    ...values,
    ...(origins.suspectAfterMs === byDefault ? { suspectAfterMs: Math.min(suspectAfterMs, Math.ceil(lostAfterMs / 4)) } : {}),
    ...(origins.tailRetentionMs === byDefault ? { tailRetentionMs: Math.min(tailRetentionMs, retentionMs) } : {}),
  }
}

function deepFreeze(value: object): void {
  Object.freeze(value)
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) deepFreeze(inner)
}

/** Reads every source and checks every setting. Never throws: what is wrong is in `faults`, all of it. */
export function loadConfig(sources: ConfigSources): ConfigReading {
  const gathered = gather(sources)
  const reading: Reading = { values: {}, origins: {}, faults: [...gathered.faults] }
  for (const key of settingKeys()) readOne(key, gathered, reading)
  // Each value was made by the schema of its own key.
  const values = derive(reading.values as Partial<Config>, reading.origins)
  const warnings = [...gathered.warnings]
  for (const { keys, message, isWarning } of conflictsOf(values)) {
    const culprit = keys.find((key) => gathered.values.has(key))
    const list = isWarning === true ? warnings : reading.faults
    list.push({ source: (culprit && reading.origins[culprit]) ?? byDefault, message })
  }
  if (reading.faults.length > 0) return { faults: reading.faults, warnings, values }
  const config = Object.fromEntries(settingKeys().map((key) => [key, values[key]])) as Config
  deepFreeze(config)
  return { config, origins: reading.origins as Origins, warnings }
}

/** As {@link loadConfig}, for commands that cannot go on without. @throws ConfigError with every fault. */
export function requireConfig(sources: ConfigSources): { config: Config; origins: Origins; warnings: readonly Fault[] } {
  const reading = loadConfig(sources)
  if (reading.faults !== undefined) throw new ConfigError(reading.faults)
  return reading
}

/** A value of a configuration as it may be shown: secrets as `<secret>`, URLs without user and password, absent as `''`. */
export function printSetting(config: Config, key: SettingKey): string {
  const value = config[key]
  if (value === undefined) return ''
  // The printer of a key takes what the schema of that key made.
  const print = settings[key].kind.print as (value: unknown) => string
  return print(value)
}
