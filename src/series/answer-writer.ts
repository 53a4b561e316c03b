import type { ServerResponse } from 'node:http'
import type { RenderingReader } from './shared-renderings.ts'

/**
 * Writes every chunk to the client at the client's pace.
 * @param stallMs a client that takes nothing for so long is cut off.
 * @returns whether all of it was handed over; `false` when the client left or was cut off.
 * @throws what making a chunk fails with.
 */
export async function writeAll(res: ServerResponse, reader: RenderingReader, stallMs: number): Promise<boolean> {
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
    if (isGone(res)) return false
    if (!res.write(chunk) && !(await isDrained(res, 'drain', stallMs))) return false
  }
  if (isGone(res)) return false
  res.end()
  return res.writableFinished || isDrained(res, 'finish', stallMs)
}

function isGone(res: ServerResponse): boolean {
  return res.destroyed || res.closed
}

/** Waits for the event; `false` when the connection closes before it, or is cut off after `stallMs`. */
function isDrained(res: ServerResponse, event: 'drain' | 'finish', stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDone: boolean) => {
      clearTimeout(timer)
      res.off(event, onEvent)
      res.off('close', onClose)
      resolve(isDone)
    }
    const onEvent = () => settle(true)
    const onClose = () => settle(res.writableFinished)
    const timer = setTimeout(() => res.destroy(), stallMs)
    res.once(event, onEvent)
    res.once('close', onClose)
  })
}
