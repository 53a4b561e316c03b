/** Which addresses runtimes may have: what is not listed is never connected to. */
import { BlockList, isIP, isIPv4 } from 'node:net'
import { embeddedIn, plainAddress } from './embedded-address.ts'

/** Never a runtime, within whichever network: this host itself, link-local addresses, and where clouds answer with secrets. */
const never = [
  ...['0.0.0.0/8', '::/128', '169.254.0.0/16', 'fe80::/10'],
  // Metadata: AWS and Google by IPv6, Alibaba, Azure, Oracle.
  ...['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
]
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
      if ([address, ...embeddedIn(address)].some((each) => isIn(forbidden, each))) return `${address} is never allowed`
      if (!isIn(allowed, address)) return `${address} is in none of the allowed networks`
      if (protocol !== 'https:' && !isIn(near, address)) return `${address} is beyond the private ranges: only https is allowed`
      return undefined
    },
  }
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
