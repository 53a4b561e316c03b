import { stripVTControlCharacters } from 'node:util'

// Controls, and the marks that turn the direction of writing: what could make a terminal show something else than was written.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text of others without terminal escapes and controls; tabs and line breaks stay. */
export function safeLines(text: string): string {
  return stripVTControlCharacters(text).replace(controls, '')
}

/** The same on one line. */
export function safeText(text: string): string {
  return safeLines(text).replace(/[\t\n]+/g, ' ')
}

/** JSON in which no control is left as it is. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(controls, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
