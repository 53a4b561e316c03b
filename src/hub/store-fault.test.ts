import { expect, test } from 'vitest'
import { ScopeError } from '../errors.ts'
import { isOwnFault, storeFault } from './store-fault.ts'

const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })

test.each([
  ['LOADING Redis is loading the dataset in memory'],
  ["READONLY You can't write against a read only replica. script: c564, on @user_script:9."],
  ['OOM command not allowed when used memory > maxmemory. script: c564, on @user_script:9.'],
  ['MISCONF Errors writing to the AOF file'],
  ['CLUSTERDOWN The cluster is down'],
  ['NOREPLICAS Not enough good replicas to write.'],
  ['ERR Error running script (call to f_c5): @user_script:9: -READONLY You cannot write against a read only replica.'],
])('%s: it cannot answer now', (message) => {
  const fault = storeFault(reply(message))
  expect(fault).toMatchObject({ code: 'REDIS_UNAVAILABLE', status: 503, retryAfterSeconds: 1 })
  expect(isOwnFault(fault)).toBe(false)
})

test.each([
  new Error('Connection is closed.'),
  new Error('Command timed out'),
  Object.assign(new Error('x'), { code: 'ECONNRESET' }),
])('%s: it cannot be reached', (error) => expect(storeFault(error)).toMatchObject({ code: 'REDIS_UNAVAILABLE', cause: error }))

test.each([
  ['ERR user_script:5: Expected value but found invalid unicode escape code'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value'],
  ["ERR wrong number of arguments for 'hset' command"],
  ["CROSSSLOT Keys in request don't hash to the same slot"],
])('%s: a fault of ours', (message) => {
  const error = reply(message)
  expect(storeFault(error)).toMatchObject({ code: 'STORE_FAILED', status: 500, cause: error })
  expect(isOwnFault(storeFault(error))).toBe(true)
})

test('what has a name keeps it, and a mistake of the program stays one', () => {
  const known = new ScopeError('FENCE_STALE')
  expect(storeFault(known)).toBe(known)
  expect(isOwnFault(known)).toBe(false)
  const mistake = new TypeError('x is not a function')
  expect(storeFault(mistake)).toBe(mistake)
  expect(isOwnFault(mistake)).toBe(true)
})
