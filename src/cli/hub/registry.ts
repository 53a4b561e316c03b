import type { Config } from '../../config/settings.ts'
import type { Bell } from '../../hub/bell.ts'
import type { MemberClient } from '../../hub/http/member-client.ts'
import type { LeaseTimes } from '../../hub/registry/member.ts'
import type { openRedisRegistry, RedisRegistry } from '../../hub/registry/redis/redis-registry.ts'
import type { Registry } from '../../hub/registry/registry.ts'
import type { HubRedis } from '../../hub/scripts.ts'

type RegistryParts = {
  readonly redis: HubRedis
  readonly bell: Bell
  readonly leaseTimes: LeaseTimes
  readonly client: MemberClient
  readonly open: typeof openRedisRegistry
}

/** The registry that the settings name. */
export function openRegistry(
  _config: Config,
  { redis, bell, leaseTimes, open }: RegistryParts,
): Registry & Partial<RedisRegistry> {
  return open(redis, bell, leaseTimes)
}
