import type { Redis } from 'ioredis'

/** How a client goes on when the connection broke behind a command: it says so, or sends the command again. */
export type LostAnswer = 'rejected' | 'repeated'

/** A client of which the answer of the first outbox read that brings new entries is lost: the store has done it. */
export function losingFirstNewEntries(store: Redis, lost: LostAnswer): Redis {
  let isLost = false
  const send = store.eval.bind(store) as (...args: unknown[]) => Promise<unknown>
  const evaluate = async (...args: unknown[]) => {
    const answer = await send(...args)
    const isRead = args.at(-1) === '>'
    if (isLost || !isRead || (answer as unknown[]).length === 0) return answer
    isLost = true
    if (lost === 'repeated') return send(...args)
    throw new Error('Connection is closed.')
  }
  return new Proxy(store, { get: (target, name) => (name === 'eval' ? evaluate : Reflect.get(target, name)) })
}
