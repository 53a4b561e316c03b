/** Reading state out of the store. Nothing here writes; every read is bounded. */
import type { Cluster, Redis } from 'ioredis'
import { ScopeError } from '../../errors.ts'
import type { Shard } from '../keys.ts'
import type { EngineRecord } from '../records.ts'

export type RedisReader = Redis | Cluster

/** One command, its name first, in lower case as the client's pipelines want it. */
export type Command = [name: string, ...args: (string | number)[]]

const retryAfterSeconds = 1

/** Answers that say the store is not able now, as opposed to a command that is wrong. */
const passingReplies = /^(LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY|NOREPLICAS|OOM|NOAUTH|WRONGPASS)\b/

/**
 * Sends commands in one go and gives their answers in order. On a Cluster all keys must lie in one slot.
 * @throws ScopeError REDIS_UNAVAILABLE when the store cannot answer now
 */
export async function readAll(redis: RedisReader, commands: readonly Command[]): Promise<unknown[]> {
  return commands.length === 0 ? [] : answersOf(() => redis.pipeline([...commands]).exec())
}

/**
 * Like {@link readAll}, with no other command between them.
 * @throws ScopeError REDIS_UNAVAILABLE when the store cannot answer now
 */
export async function readAtOnce(redis: RedisReader, commands: readonly Command[]): Promise<unknown[]> {
  return answersOf(() => redis.multi([...commands]).exec())
}

async function answersOf(send: () => Promise<[Error | null, unknown][] | null>): Promise<unknown[]> {
  const answers = await send().catch((error: unknown) => {
    throw faultOf(error)
  })
  if (answers === null) throw unavailable(new Error('the transaction was discarded'))
  return answers.map(([error, answer]) => {
    if (error !== null) throw faultOf(error)
    return answer
  })
}

function faultOf(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return unavailable(error)
  return passingReplies.test(error.message) ? unavailable(error) : error
}

function unavailable(cause: unknown): ScopeError {
  return new ScopeError('REDIS_UNAVAILABLE', undefined, { cause, retryAfterSeconds })
}

/**
 * Reads one thing for each item, in one go per shard, and gives the answers in the order of the items.
 * @throws ScopeError REDIS_UNAVAILABLE when the store cannot answer now
 */
export async function readByShard<T>(
  redis: RedisReader,
  items: readonly T[],
  shardOf: (item: T) => Shard,
  commandOf: (item: T, shard: Shard) => Command,
): Promise<unknown[]> {
  const indexesByShard = new Map<Shard, number[]>()
  items.forEach((item, index) => {
    const shard = shardOf(item)
    const indexes = indexesByShard.get(shard)
    if (indexes === undefined) indexesByShard.set(shard, [index])
    else indexes.push(index)
  })
  const answers = new Array<unknown>(items.length)
  const readShard = async ([shard, indexes]: [Shard, number[]]) => {
    const group = await readAll(
      redis,
      indexes.map((index) => commandOf(items[index] as T, shard)),
    )
    indexes.forEach((index, i) => {
      answers[index] = group[i]
    })
  }
  await Promise.all([...indexesByShard].map(readShard))
  return answers
}

/** The engine's record in its field, or undefined when there is none. */
export function engineOf(text: unknown): EngineRecord | undefined {
  return typeof text === 'string' ? (JSON.parse(text) as EngineRecord) : undefined
}
