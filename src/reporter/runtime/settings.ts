import type { Problems } from '../problems.ts'

/** Limits and times of a runtime. */
export type RuntimeSettings = {
  /** Messages kept of one topic (of each partition). Default 10,000. */
  readonly topicMessagesMax: number
  /** Bytes kept of all topics together; the largest topic makes room. Default 32 MiB. */
  readonly keptBytesMax: number
  /** One message; a larger one is refused. Default 1,000,000: monitors refuse what is above 1 MiB. */
  readonly messageBytesMax: number
  /** Messages of one answer, shared fairly by its topics. Default 4 MiB; monitors read 8 MiB. */
  readonly answerBytesMax: number
  /** Body of one request. Default 256 KiB. */
  readonly requestBytesMax: number
  /** From the first byte of a request to its last. Default 10 s. */
  readonly requestTimeoutMs: number
  /** How long a reader may take for one answer; then it is cut off. Default 30 s. */
  readonly answerTimeoutMs: number
  /** Answers under way at once; above it 503. Default 16. */
  readonly answersMax: number
  /** Open connections of the standalone server. Default 64. */
  readonly connectionsMax: number
  /** Between two warnings of topics that are asked for and do not exist. Default 30 s. */
  readonly warningGapMs: number
  /** How long the runtime waits at its end to be fetched and shut down. Default 60 s. */
  readonly endGraceMs: number
}

const mebibyte = 1024 * 1024

const defaults: RuntimeSettings = {
  topicMessagesMax: 10_000,
  keptBytesMax: 32 * mebibyte,
  messageBytesMax: 1_000_000,
  answerBytesMax: 4 * mebibyte,
  requestBytesMax: 256 * 1024,
  requestTimeoutMs: 10_000,
  answerTimeoutMs: 30_000,
  answersMax: 16,
  connectionsMax: 64,
  warningGapMs: 30_000,
  endGraceMs: 60_000,
}

/** The settings with defaults filled in; a value that does not fit is told of and left at its default. */
export function runtimeSettingsFrom(given: Partial<RuntimeSettings> | undefined, problems: Problems): RuntimeSettings {
  const settings: Record<string, number> = { ...defaults }
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue
    if (name in defaults && typeof value === 'number' && Number.isFinite(value) && value > 0) settings[name] = value
    else problems.tell('ARGUMENT_INVALID', `runtime.settings.${name} does not fit; its default is used`)
  }
  return settings as RuntimeSettings
}
