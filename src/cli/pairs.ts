import { InvalidArgumentError } from 'commander'

/** Reads a repeated `key=value` flag. @throws InvalidArgumentError when there is no key */
export function collectPair(text: string, all: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be key=value.')
  return { ...all, [text.slice(0, at)]: text.slice(at + 1) }
}

/** Reads an id of the wire. @throws InvalidArgumentError when it does not fit */
export function readId(text: string): string {
  if (/^[A-Za-z0-9._:@/-]{1,200}$/.test(text)) return text
  throw new InvalidArgumentError('It must be 1 to 200 of A-Z a-z 0-9 . _ : @ / -')
}

/** Reads a whole number from 1. @throws InvalidArgumentError when it does not fit */
export function readAttempt(text: string): number {
  const attempt = Number(text)
  if (/^\d{1,15}$/.test(text) && attempt >= 1) return attempt
  throw new InvalidArgumentError('It must be a whole number from 1.')
}
