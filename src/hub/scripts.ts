import { readFileSync } from 'node:fs'
import type { Cluster, Redis } from 'ioredis'
import { storeFault } from './store-fault.ts'

/** Any of the ways to reach the store. */
export type HubRedis = Redis | Cluster

/** A script as it is called: keys, then arguments. */
export type Script = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>

type Defined = Record<string, (keyCount: number, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>>

/**
 * Makes a script of one or more files, put together in order, known to a connection.
 * @param name unique within the connection
 * @throws ScopeError from the call: REDIS_UNAVAILABLE when the outcome is unknown, or nothing was written, and it is safe to send
 * again; STORE_FAILED when the script failed by itself
 */
export function defineScript(redis: HubRedis, name: string, files: readonly URL[]): Script {
  redis.defineCommand(name, { lua: files.map((file) => readFileSync(file, 'utf8')).join('\n') })
  return (keys, args) => {
    const call = (redis as unknown as Defined)[name]
    if (call === undefined) throw new Error(`the script ${name} is not defined`)
    return orUnavailable(() => call.call(redis, keys.length, keys, args))
  }
}

/** Runs a command. @throws ScopeError as {@link storeFault} says */
export async function orUnavailable<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw storeFault(error)
  }
}
