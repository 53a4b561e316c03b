import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'

export type EventuallyOptions = {
  /** What is waited for, for the error: `the shard to be taken over`. */
  readonly what?: string
  /** Default 10,000. */
  readonly timeoutMs?: number
  /** Default 20. */
  readonly everyMs?: number
}

/**
 * Reads again and again until the value will do, and gives that value back. A read that throws counts as "not yet",
 * so an `expect(...)` inside it works too.
 * @param isDone default: anything but `undefined`, `null` and `false`
 * @throws at the deadline, with the last value or, as `cause`, the last error
 */
export async function eventually<T>(
  read: () => T | Promise<T>,
  isDone: (value: T) => boolean = (value) => value !== undefined && value !== null && value !== false,
  options: EventuallyOptions = {},
): Promise<T> {
  const { what = 'the condition', timeoutMs = 10_000, everyMs = 20 } = options
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const seen = await attempt(read)
    if ('value' in seen && isDone(seen.value)) return seen.value
    if (performance.now() >= deadlineMs) {
      const last = 'value' in seen ? `last value: ${inspect(seen.value, { depth: 6 })}` : `last error: ${inspect(seen.error)}`
      throw new Error(`waited ${timeoutMs} ms for ${what}; ${last}`, 'error' in seen ? { cause: seen.error } : undefined)
    }
    await pause(everyMs)
  }
}

async function attempt<T>(read: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await read() }
  } catch (error) {
    return { error }
  }
}
