/** What single values cannot say: rules that hold between settings. */
import type { Config, SettingKey } from './settings.ts'
import { formatDuration } from './units.ts'

/** Values that were read; one that could not be read is missing. */
export type Values = { readonly [K in SettingKey]?: Config[K] | undefined }

/** A broken rule and the settings that break it, the most likely culprit first. */
export type Conflict = {
  readonly keys: readonly SettingKey[]
  readonly message: string
  /** Harmless: the configuration can be used all the same. */
  readonly isWarning?: true
}

/** Whether only this machine can reach the address. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

type Check = (values: Values) => Conflict | undefined

const openToTheWorld: Check = ({ host, auth, authFile }) => {
  if (host === undefined || isLoopback(host) || authFile !== undefined || auth !== 'file') return undefined
  const message = `${host} can be reached from other machines: set authFile (ENGINESCOPE_AUTH_FILE), or say aloud that everybody may come in with auth none (ENGINESCOPE_AUTH=none)`
  return { keys: ['host'], message }
}

const authTwice: Check = ({ auth, authFile }) => {
  if (auth !== 'none' || authFile === undefined) return undefined
  return { keys: ['auth', 'authFile'], message: 'auth is none although there is an authFile: give one of them' }
}

const lostBeforeSuspect: Check = ({ suspectAfterMs, lostAfterMs }) => {
  if (suspectAfterMs === undefined || lostAfterMs === undefined || lostAfterMs > suspectAfterMs) return undefined
  const message = `lostAfter (${formatDuration(lostAfterMs)}) must be longer than suspectAfter (${formatDuration(suspectAfterMs)})`
  return { keys: ['suspectAfterMs', 'lostAfterMs'], message }
}

const tailOutlivesJob: Check = ({ tailRetentionMs, retentionMs }) => {
  if (tailRetentionMs === undefined || retentionMs === undefined || tailRetentionMs <= retentionMs) return undefined
  const message = `tailRetention (${formatDuration(tailRetentionMs)}) must not be longer than retention (${formatDuration(retentionMs)})`
  return { keys: ['tailRetentionMs', 'retentionMs'], message }
}

const lokiLogin: Check = ({ lokiUser, lokiPassword, lokiToken }) => {
  if (lokiToken !== undefined && (lokiUser !== undefined || lokiPassword !== undefined)) {
    return { keys: ['lokiToken', 'lokiUser', 'lokiPassword'], message: 'give lokiToken, or lokiUser and lokiPassword, not both' }
  }
  if ((lokiUser === undefined) === (lokiPassword === undefined)) return undefined
  return { keys: ['lokiUser', 'lokiPassword'], message: 'lokiUser and lokiPassword belong together: one of them is missing' }
}

const lokiWithoutUrl: Check = ({ lokiUrl, lokiTenant, lokiUser, lokiToken }) => {
  if (lokiUrl !== undefined || (lokiTenant ?? lokiUser ?? lokiToken) === undefined) return undefined
  return { keys: ['lokiTenant', 'lokiUser', 'lokiToken'], message: 'has no effect without lokiUrl', isWarning: true }
}

const bodyBeyondFlight: Check = ({ bodyMaxBytes, inFlightMaxBytes }) => {
  if (bodyMaxBytes === undefined || inFlightMaxBytes === undefined || bodyMaxBytes <= inFlightMaxBytes) return undefined
  return {
    keys: ['bodyMaxBytes', 'inFlightMaxBytes'],
    message: 'bodyMax must not be larger than inFlightMax: such a body could never be read',
  }
}

const answersMoreThanKept: Check = ({ gapRangesAnswered, gapRangesMax }) => {
  if (gapRangesAnswered === undefined || gapRangesMax === undefined || gapRangesAnswered <= gapRangesMax) return undefined
  return { keys: ['gapRangesAnswered', 'gapRangesMax'], message: 'gapRangesAnswered must not be larger than gapRangesMax' }
}

const checks: readonly Check[] = [
  openToTheWorld,
  authTwice,
  lostBeforeSuspect,
  tailOutlivesJob,
  lokiLogin,
  lokiWithoutUrl,
  bodyBeyondFlight,
  answersMoreThanKept,
]

/** Every rule that these values break. */
export function conflictsOf(values: Values): Conflict[] {
  return checks.flatMap((check) => check(values) ?? [])
}
