import { hubKeys } from '../keys.ts'
import { defineScript, type HubRedis } from '../scripts.ts'

const names = ['submit', 'claim', 'check', 'update', 'release', 'cancel', 'sweep', 'queue', 'hold', 'aside'] as const
/** Those that come across records of many processes. */
const readers: readonly string[] = ['claim', 'sweep', 'aside']

/** The scripts of the store by name; each gets the keys that all of them share. */
export type HubScripts = Readonly<Record<(typeof names)[number], (args: readonly (string | number)[]) => Promise<unknown>>>

const { queue, leases, done, counters, numbers, ends, series } = hubKeys
const keys = [queue, leases, done, counters, numbers, ends, series]

export function hubScripts(redis: HubRedis): HubScripts {
  const file = (name: string) => new URL(`./lua/${name}.lua`, import.meta.url)
  const entries = names.map((name) => {
    const files = ['prelude', ...(readers.includes(name) ? ['record'] : []), name]
    const script = defineScript(redis, `hub_${name}`, files.map(file))
    return [name, (args: readonly (string | number)[]) => script(keys, args)] as const
  })
  // One entry per name.
  return Object.fromEntries(entries) as HubScripts
}
