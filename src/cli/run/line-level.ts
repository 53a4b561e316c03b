import type { LogLevel } from '../../reporter/index.ts'

const words: Readonly<Record<string, LogLevel>> = {
  TRACE: 'TRACE',
  DEBUG: 'DEBUG',
  INFO: 'INFO',
  NOTICE: 'INFO',
  WARN: 'WARN',
  WARNING: 'WARN',
  ERROR: 'ERROR',
  SEVERE: 'ERROR',
  FATAL: 'FATAL',
  CRITICAL: 'FATAL',
  PANIC: 'FATAL',
}

const list = Object.keys(words).join('|')
/** A time, brackets and blanks may stand before the word. */
const upperCase = new RegExp(`^[\\d\\s:.,/T+Z[\\]()-]{0,48}(${list})\\b`)
/** In other spellings the word is a level only where a colon or bracket follows: `warning: ...`, `[error] ...`. */
const anyCase = new RegExp(`^[\\d\\s:.,/T+Z[\\]()-]{0,48}(${list})[:\\]]`, 'i')
const esc = String.fromCharCode(27)
const bell = String.fromCharCode(7)
const cursorOrColour = String.raw`\[[0-9;?]*[ -/]*[@-~]`
const windowTitle = String.raw`\][^${bell}${esc}]{0,1024}(?:${bell}|${esc}\\)`
const escapes = new RegExp(`${esc}(?:${cursorOrColour}|${windowTitle})`, 'g')

/** The level a line of output names at its start; `otherwise` where it names none. */
export function levelOf(line: string, otherwise: LogLevel): LogLevel {
  const start = line.slice(0, 64)
  const word = (upperCase.exec(start) ?? anyCase.exec(start))?.[1]
  return word === undefined ? otherwise : (words[word.toUpperCase()] ?? otherwise)
}

/** The line without colours, cursor movements and window titles. */
export function withoutEscapes(line: string): string {
  return line.includes(esc) ? line.replaceAll(escapes, '') : line
}
