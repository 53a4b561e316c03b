/** URLs as facts about a job: where a model lies, without the secrets that its address may carry. */
import { cleanText } from './text.ts'

const lengthMax = 512

/** Userinfo: behind the `//` of each scheme (an address may hold another), or right behind the scheme where slashes are left out. */
const userinfo = /(^[/\\]{2}|(?<!^file):[/\\]{2,}|^[a-z][a-z0-9+.-]*:[/\\]?)[^/\\]*@/gi
const authority = /^[^/\\]*?[/\\]{2}([^/\\]*)/
/** Hosts, each with a port or none: `h1:5432,[::1]:5432`. */
const hosts = /^(?:(?:\[[^\]]*\]|[^:,]*)(?::\d*)?(?:,|$))*$/

/**
 * The address without userinfo, query and fragment (presigned tokens), at most 512 characters.
 * `undefined` for an empty one, one with control characters, and one whose port is no number: that is how a password with a
 * slash or a question mark begins. Plain paths are taken as they are.
 */
export function bareUrl(url: string): string | undefined {
  if (cleanText(url) !== url || url.includes('\n') || url.includes('\t')) return undefined
  const end = url.search(/[?#]/)
  const bare = (end === -1 ? url : url.slice(0, end)).replaceAll(userinfo, '$1')
  if (!hosts.test(authority.exec(bare)?.[1] ?? '')) return undefined
  return bare === '' ? undefined : bare.slice(0, lengthMax)
}
