import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { ConfigError } from '../../config/fault.ts'
import type { Config } from '../../config/settings.ts'
import type { Bell } from '../../hub/bell.ts'
import type { MemberClient } from '../../hub/http/member-client.ts'
import { consulClient } from '../../hub/registry/consul/consul-client.ts'
import { openConsulRegistry } from '../../hub/registry/consul/consul-registry.ts'
import { type LeaseTimes, type Member, readMember } from '../../hub/registry/member.ts'
import { openRedisRegistry, type RedisRegistry } from '../../hub/registry/redis/redis-registry.ts'
import type { Registry } from '../../hub/registry/registry.ts'
import { openStaticRegistry } from '../../hub/registry/static/static-registry.ts'
import type { HubRedis } from '../../hub/scripts.ts'

type RegistryParts = {
  readonly redis: HubRedis
  readonly bell: Bell
  readonly leaseTimes: LeaseTimes
  readonly client: MemberClient
}

/** The registry that the settings name. @throws ConfigError */
export function openRegistry(
  config: Config,
  { redis, bell, leaseTimes, client }: RegistryParts,
): Registry & Partial<Pick<RedisRegistry, 'sweep'>> {
  const { hubRegistry, hubConsulUrl, hubConsulToken, hubMembersFile } = config
  if (hubRegistry === 'redis') return openRedisRegistry(redis, bell, leaseTimes)
  if (hubRegistry === 'consul') {
    if (hubConsulUrl === undefined) throw faultOf('hubRegistry consul needs hubConsulUrl (ENGINESCOPE_HUB_CONSUL_URL)')
    return openConsulRegistry(consulClient(String(hubConsulUrl).replace(/\/+$/, ''), hubConsulToken?.reveal()), leaseTimes)
  }
  if (hubMembersFile === undefined) throw faultOf('hubRegistry static needs hubMembers (ENGINESCOPE_HUB_MEMBERS)')
  return openStaticRegistry(readMembers(hubMembersFile), client, leaseTimes)
}

function readMembers(file: string): Member[] {
  try {
    const list: unknown = parse(readFileSync(file, 'utf8'))
    if (!Array.isArray(list)) throw new Error('must be a list of members')
    return list.map((member, at) => readMember(member, `[${at}]`))
  } catch (error) {
    throw faultOf(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function faultOf(message: string): ConfigError {
  return new ConfigError([{ source: 'hubRegistry', message }])
}
