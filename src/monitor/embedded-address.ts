/** IPv4 addresses within IPv6 ones: who connects to the one may end at the other. Pure. */
import { isIPv6 } from 'node:net'

/** Bytes of an IPv6 address; `undefined` for anything else. */
function bytesOf(address: string): number[] | undefined {
  if (!isIPv6(address)) return undefined
  // The URL parser writes every form of an address as groups of hexadecimal digits, with one `::` at most.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')]
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => 0)
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255])
}

const groupsOf = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))

const zerosOf = (length: number): number[] => Array.from({ length }, () => 0)
const mapped = [...zerosOf(10), 0xff, 0xff]
const nat64Local = [0, 0x64, 0xff, 0x9b, 0, 1]

/** Beginnings of addresses, and where the four bytes stand after them. */
const forms: readonly { readonly prefix: readonly number[]; readonly at: readonly number[] }[] = [
  { prefix: mapped, at: [12, 13, 14, 15] },
  // Compatible ones, and those of stateless translation.
  { prefix: zerosOf(12), at: [12, 13, 14, 15] },
  { prefix: [...zerosOf(8), 0xff, 0xff, 0, 0], at: [12, 13, 14, 15] },
  // NAT64: the well-known prefix, and the one of local use in every length that RFC 6052 has for it.
  { prefix: [0, 0x64, 0xff, 0x9b, ...zerosOf(8)], at: [12, 13, 14, 15] },
  { prefix: nat64Local, at: [6, 7, 9, 10] },
  { prefix: nat64Local, at: [7, 9, 10, 11] },
  { prefix: nat64Local, at: [9, 10, 11, 12] },
  { prefix: nat64Local, at: [12, 13, 14, 15] },
  // 6to4.
  { prefix: [0x20, 0x02], at: [2, 3, 4, 5] },
]

const isBegunBy = (bytes: readonly number[], prefix: readonly number[]) => prefix.every((byte, i) => bytes[i] === byte)
const dotted = (bytes: readonly number[], at: readonly number[]) => at.map((i) => bytes[i]).join('.')

/** An address without brackets and zone; an IPv4 address that is mapped into IPv6 is the IPv4 address. */
export function plainAddress(text: string): string {
  const address = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const bytes = bytesOf(address)
  return bytes !== undefined && isBegunBy(bytes, mapped) ? dotted(bytes, [12, 13, 14, 15]) : address
}

/** Every IPv4 address that a gateway may take an IPv6 address for. No gateway has one in 0.0.0.0/8, where `::1` would lie. */
export function embeddedIn(address: string): readonly string[] {
  const bytes = bytesOf(address)
  if (bytes === undefined) return []
  const found = forms.filter(({ prefix, at }) => isBegunBy(bytes, prefix) && bytes[at[0] ?? 0] !== 0)
  return found.map(({ at }) => dotted(bytes, at))
}
