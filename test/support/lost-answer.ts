import type { Redis } from 'ioredis'
import type { Script } from '../../src/logs/outbox-scripts.ts'

/** How a client goes on when the connection broke behind a command: it says so, or sends the command again. */
export type LostAnswer = 'rejected' | 'repeated'

/** A client of which the answer of the first outbox read that brings new entries is lost: the store has done it. */
export function losingFirstNewEntries(store: Redis, lost: LostAnswer): Redis {
  return losing(store, lost, 1, (args, answer) => args.at(-1) === '>' && (answer as unknown[]).length > 0)
}

/** A client of which the answers of the first scripts of this kind are lost, so many of them. */
export function losingAnswersOf(script: Script, store: Redis, lost: LostAnswer, count = 1): Redis {
  return losing(store, lost, count, ([lua]) => lua === script.lua)
}

function losing(store: Redis, lost: LostAnswer, count: number, isMeant: (args: unknown[], answer: unknown) => boolean): Redis {
  let left = count
  const send = store.eval.bind(store) as (...args: unknown[]) => Promise<unknown>
  const evaluate = async (...args: unknown[]) => {
    const answer = await send(...args)
    if (left === 0 || !isMeant(args, answer)) return answer
    left -= 1
    if (lost === 'repeated') return send(...args)
    throw new Error('Connection is closed.')
  }
  return new Proxy(store, { get: (target, name) => (name === 'eval' ? evaluate : Reflect.get(target, name)) })
}
