import { ScopeError } from '../errors.ts'

/** Answers that say the store is not able now, as opposed to a command or a script of ours that is wrong. */
const passing = 'LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY|NOREPLICAS|MISCONF|OOM|NOAUTH|NOPERM|WRONGPASS'
/** As it is answered; inside a script older servers put it behind a text of their own. */
const passingReply = new RegExp(`^(${passing})\\b|^ERR Error running script.*-(${passing})\\b`)

const retryAfterSeconds = 1

/**
 * What a call to the store that failed means: REDIS_UNAVAILABLE when it cannot answer now; STORE_FAILED when it answered that it
 * could not do what we told it, which is a fault of ours; whatever is neither stays what it is.
 */
export function storeFault(error: unknown): unknown {
  if (error instanceof ScopeError || error instanceof TypeError || error instanceof RangeError) return error
  const isReply = error instanceof Error && error.name === 'ReplyError'
  if (isReply && !passingReply.test(error.message)) {
    return new ScopeError('STORE_FAILED', 'The store could not do what it was told.', { cause: error })
  }
  return new ScopeError('REDIS_UNAVAILABLE', undefined, { cause: error, retryAfterSeconds })
}

/** The store works, and we told it nonsense: to be logged as an error, whatever else is made of it. */
export function isOwnFault(error: unknown): boolean {
  return !(error instanceof ScopeError) || error.code === 'STORE_FAILED'
}
