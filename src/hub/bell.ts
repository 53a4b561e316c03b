import { hubKeys } from './keys.ts'
import type { HubRedis } from './scripts.ts'

/** Hears what is said on the hub's channel: a word, or `cancel <process>`. */
export type Bell = {
  /** @returns stops hearing */
  readonly hear: (listener: (word: string) => void) => () => void
  readonly close: () => void
}

/**
 * Listens on a connection of its own. A message may be missed while the store is away: it saves a wait, nothing depends on it.
 * @param redis used for nothing else: a connection that listens takes no other commands
 */
export function openBell(redis: HubRedis): Bell {
  const listeners = new Set<(word: string) => void>()
  redis.on('message', (_channel: string, word: string) => {
    for (const listener of listeners) listener(word)
  })
  // Subscriptions of ioredis come back by themselves once one was made; the first may have to wait for the store.
  const subscribe = () => void Promise.resolve(redis.subscribe(hubKeys.bell)).catch(() => undefined)
  redis.on('ready', subscribe)
  if (redis.status === 'ready') subscribe()
  return {
    hear(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      listeners.clear()
      redis.disconnect()
    },
  }
}
