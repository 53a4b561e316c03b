/** A call that is made at once, and then no more often than every so many milliseconds, however often it is asked for. */
export function paced(call: () => void, everyMs: number): { readonly ask: () => void; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined
  let isAsked = false
  const make = () => {
    call()
    isAsked = false
    timer = setTimeout(() => {
      timer = undefined
      if (isAsked) make()
    }, everyMs).unref()
  }
  const ask = () => {
    isAsked = true
    if (timer === undefined) make()
  }
  return { ask, stop: () => clearTimeout(timer) }
}
