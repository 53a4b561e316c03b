/** What a setting is made of. */
import { type Kind, text } from './kinds.ts'

/** Headings under which settings are listed. */
export type SettingGroup = 'server' | 'access' | 'redis' | 'logs' | 'links' | 'times' | 'runtimes' | 'limits' | 'hub' | 'sedna'

/** One setting. Its environment variable and flag follow from its name: `lostAfter`, `ENGINESCOPE_LOST_AFTER`, `--lost-after`. */
export type Setting<T> = {
  /** Key in `enginescope.yaml`. */
  readonly name: string
  readonly group: SettingGroup
  readonly kind: Kind<Exclude<T, undefined>>
  /** As it would be written; absent where there is none. */
  readonly default: string | undefined
  readonly meaning: string
  /** May also be given as the path of a file that holds it: `*_FILE`. `only`: never on the command line, which others can read. */
  readonly fromFile: 'no' | 'also' | 'only'
}

type Extra = { readonly fromFile?: 'also' | 'only' }

/** A setting with a default. */
export function given<T>(
  group: SettingGroup,
  name: string,
  kind: Kind<T>,
  byDefault: string,
  meaning: string,
  extra: Extra = {},
) {
  return { group, name, kind, default: byDefault, meaning, fromFile: extra.fromFile ?? 'no' } as Setting<T>
}

/** A setting that need not be given. */
export function optional<T>(group: SettingGroup, name: string, kind: Kind<T>, meaning: string, extra: Extra = {}) {
  return { group, name, kind, default: undefined, meaning, fromFile: extra.fromFile ?? 'no' } as Setting<T | undefined>
}

/** Kinds that several settings share. */
export const path = text(/^[^\0]{1,4096}$/, 'a path', 'path')
export const id = text(/^[A-Za-z0-9._:@/-]{1,200}$/, 'an id: 1 to 200 of A-Z a-z 0-9 . _ : @ / -')
export const certificates = text(/^-----BEGIN [\s\S]+$/, 'PEM text', 'PEM')
export const hostName = text(/^[A-Za-z0-9._:-]{1,253}$/, 'a host name or an address, e.g. 127.0.0.1, 0.0.0.0 or ::', 'address')
