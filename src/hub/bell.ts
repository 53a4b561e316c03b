import { type BellChannel, hubKeys } from './keys.ts'
import type { HubRedis } from './scripts.ts'

/** Hears what is said on the hub's channels: a word, or `cancel <process>`. */
export type Bell = {
  /** Of a channel that nobody listens to here nothing is sent here. @returns stops hearing */
  readonly hear: (channel: BellChannel, listener: (word: string) => void) => () => void
  readonly close: () => void
}

/**
 * Listens on a connection of its own. A message may be missed while the store is away: it saves a wait, nothing depends on it.
 * @param redis used for nothing else: a connection that listens takes no other commands
 */
export function openBell(redis: HubRedis): Bell {
  const listeners = new Map<string, Set<(word: string) => void>>()
  redis.on('message', (channel: string, word: string) => {
    for (const listener of listeners.get(channel) ?? []) listener(word)
  })
  // Subscriptions of ioredis come back by themselves once one was made; the first may have to wait for the store.
  const subscribe = (channels: Iterable<string>) => {
    const names = [...channels]
    if (names.length > 0) void Promise.resolve(redis.subscribe(...names)).catch(() => undefined)
  }
  redis.on('ready', () => subscribe(listeners.keys()))
  return {
    hear(channel, listener) {
      const name = hubKeys.bells[channel]
      const known = listeners.get(name) ?? new Set()
      known.add(listener)
      if (!listeners.has(name)) {
        listeners.set(name, known)
        if (redis.status === 'ready') subscribe([name])
      }
      return () => known.delete(listener)
    },
    close() {
      listeners.clear()
      redis.disconnect()
    },
  }
}
