/** Which addresses runtimes may have: what is not listed is never connected to. */
import { BlockList, isIP, isIPv4 } from 'node:net'

/** Where metadata services of clouds answer, among others: never a runtime. */
const never = ['169.254.0.0/16', 'fe80::/10', '0.0.0.0/32', '::/128']
const insecureAllowed = ['127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']

export type Networks = {
  /** Why nothing may be sent to this address; `undefined` = it may be. @param protocol `http:` or `https:` */
  refusalOf(address: string, protocol: string): string | undefined
}

/** @param cidrs e.g. `10.0.0.0/8` */
export function networksOf(cidrs: readonly string[]): Networks {
  const allowed = listOf(cidrs)
  const forbidden = listOf(never)
  const near = listOf(insecureAllowed)
  return {
    refusalOf(given, protocol) {
      const address = plainAddress(given)
      if (isIP(address) === 0) return `${given.slice(0, 64)} is no address`
      if (isIn(forbidden, address)) return `${address} is never allowed`
      if (!isIn(allowed, address)) return `${address} is in none of the allowed networks`
      if (protocol !== 'https:' && !isIn(near, address)) return `${address} is beyond the private ranges: only https is allowed`
      return undefined
    },
  }
}

/** An IPv4 address that is written as IPv6 is the IPv4 address. */
function plainAddress(text: string): string {
  const address = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (dotted !== undefined) return dotted
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address)
  if (hex === null) return address
  const high = Number.parseInt(hex[1] ?? '0', 16)
  const low = Number.parseInt(hex[2] ?? '0', 16)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    list.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
  }
  return list
}

const isIn = (list: BlockList, address: string) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
