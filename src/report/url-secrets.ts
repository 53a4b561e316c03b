/** Text from outside without the secrets of the URLs in it: userinfo, and what is signed or let in by a query parameter. */
import { cleanText } from './text.ts'

/** What stands in the place of a secret. */
const mask = '<secret>'

const secretName =
  /pass(?:word|wd|phrase|code)?$|^pwd$|secret|token|signature$|^sig$|^s(?:as|ign)$|credential|authori[sz]ation|^auth$|^jwt$|session[-_]?(?:id)?$|key[-_]?id$|(?:^|api|access|private|secret|account|shared|subscription|auth)[-_]?key$|accessid$/i
const parameter = /[?&;#]([^\s?&;#=]{1,128})=/g
const endOfValue = /[\s&#]/g
/** Ends the part of a URL that names its host. */
const endOfAuthority = /[\s/\\?#"'<>]/g
const endOfWord = /[\s"<>]/g
const hostAndPort = /^(?:\[[^\]]*\]|[^:]*)(?::\d*)?$/

/** As `cleanText`, and without the secrets of URLs. The very same string where there is nothing to take out. */
export function safeText(text: string): string {
  return withoutUrlSecrets(cleanText(text))
}

/**
 * The text without the userinfo of the URLs in it and with the values of query parameters masked whose names say that they are
 * secret. Takes time in proportion to its length.
 */
export function withoutUrlSecrets(text: string): string {
  return text.includes('://') ? withoutSecretParameters(withoutUserinfo(text)) : text
}

function withoutUserinfo(text: string): string {
  if (!text.includes('@')) return text
  const kept: string[] = []
  let from = 0
  // Each word is searched once only, however many URLs it holds.
  let searchedTo = 0
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', from)) {
    const begin = endOfSlashes(text, at)
    kept.push(text.slice(from, begin))
    from = begin
    const end = endOf(endOfAuthority, text, begin)
    const authority = text.slice(begin, end)
    let sign = begin + authority.lastIndexOf('@')
    if (sign < begin && end >= searchedTo && isBrokenOff(authority)) {
      searchedTo = endOf(endOfWord, text, end)
      sign = end + text.slice(end, searchedTo).lastIndexOf('@')
      if (sign < end) sign = -1
    }
    if (sign >= begin) from = sign + 1
  }
  kept.push(text.slice(from))
  return kept.join('')
}

/** Where the host, or what comes before it, begins: more slashes than two are as good as two, but in the path of a file. */
function endOfSlashes(text: string, at: number): number {
  let begin = at + 3
  if (text.slice(Math.max(0, at - 4), at).toLowerCase() === 'file') return begin
  while (text[begin] === '/' || text[begin] === '\\') begin++
  return begin
}

function endOf(mark: RegExp, text: string, from: number): number {
  mark.lastIndex = from
  return mark.exec(text)?.index ?? text.length
}

/** A port that is no number: that is how a password with a slash or a question mark in it begins. */
function isBrokenOff(authority: string): boolean {
  return authority.includes(':') && !authority.split(',').every((host) => hostAndPort.test(host))
}

function withoutSecretParameters(text: string): string {
  if (!text.includes('=')) return text
  const kept: string[] = []
  let from = 0
  parameter.lastIndex = 0
  for (let found = parameter.exec(text); found !== null; found = parameter.exec(text)) {
    if (!secretName.test(decoded(found[1] ?? ''))) continue
    const begin = parameter.lastIndex
    // A semicolon may part parameters, and may be of the secret: to be sure, all behind it goes.
    const end = endOf(endOfValue, text, begin)
    if (end > begin) kept.push(text.slice(from, begin), mask)
    from = end > begin ? end : from
    parameter.lastIndex = end
  }
  kept.push(text.slice(from))
  return kept.join('')
}

function decoded(name: string): string {
  if (!name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
