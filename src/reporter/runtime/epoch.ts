import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type Problems, textOf } from '../problems.ts'

const epochMsMin = 1e12
const epochMsMax = 1e13 - 1

/**
 * The epoch of a log that begins now: 13 digits of milliseconds, higher than that of the log before it.
 * @param file where the epoch is kept between starts; without one a clock that was set back gives an epoch that is refused
 */
export function nextEpoch(nowMs: number, file: string | undefined, problems: Problems): string {
  const epochMs = Math.min(Math.max(nowMs, lastEpochMs(file, problems) + 1, epochMsMin), epochMsMax)
  if (file !== undefined) keep(file, String(epochMs), problems)
  return String(epochMs)
}

/** Writes a whole file or none: who reads it never sees half of it. @throws as the file system does */
export function writeByRename(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`
  writeFileSync(draft, text, { mode: 0o600 })
  renameSync(draft, file)
}

function lastEpochMs(file: string | undefined, problems: Problems): number {
  if (file === undefined) return 0
  try {
    const text = readFileSync(file, 'utf8').trim()
    if (/^\d{13}$/.test(text)) return Number(text)
    problems.tell('EPOCH_FILE_UNREADABLE', 'the epoch file holds no epoch; the clock alone decides')
  } catch (error) {
    const isFirst = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isFirst) problems.tell('EPOCH_FILE_UNREADABLE', `the epoch file cannot be read: ${textOf(error)}`)
  }
  return 0
}

function keep(file: string, epoch: string, problems: Problems): void {
  try {
    writeByRename(file, `${epoch}\n`)
  } catch (error) {
    problems.tell('EPOCH_FILE_UNWRITABLE', `the epoch cannot be kept: ${textOf(error)}`)
  }
}
