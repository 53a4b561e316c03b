/** What every example reads from its environment. */

/** Where the aggregator is, and the token for it. @throws when `ENGINESCOPE_URL` is not set */
export function aggregator(): { url: string; token: string | undefined } {
  const url = process.env['ENGINESCOPE_URL']
  if (!url) throw new Error('set ENGINESCOPE_URL to the address of the aggregator, e.g. http://127.0.0.1:7717')
  return { url, token: process.env['ENGINESCOPE_TOKEN'] || undefined }
}

/** A whole number above 0 given as a flag. */
export function count(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`)
  return value
}
