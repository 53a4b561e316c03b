/** URLs as facts about a job: where a model lies, without the secrets that its address may carry. */
import { cleanText } from './text.ts'

const lengthMax = 512

/**
 * The address without userinfo, query and fragment (presigned tokens), at most 512 characters.
 * `undefined` for an empty one or one with control characters. Plain paths are taken as they are.
 */
export function bareUrl(url: string): string | undefined {
  if (cleanText(url) !== url || url.includes('\n') || url.includes('\t')) return undefined
  const end = url.search(/[?#]/)
  const address = end === -1 ? url : url.slice(0, end)
  const bare = withoutUserinfo(address).slice(0, lengthMax)
  return bare === '' ? undefined : bare
}

function withoutUserinfo(address: string): string {
  const scheme = address.indexOf('//')
  if (scheme === -1) return address
  const start = scheme + 2
  const slash = address.slice(start).search(/[/\\]/)
  const authority = slash === -1 ? address.slice(start) : address.slice(start, start + slash)
  const at = authority.lastIndexOf('@')
  return at === -1 ? address : address.slice(0, start) + address.slice(start + at + 1)
}
