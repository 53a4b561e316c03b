import type { Redis } from 'ioredis'

type Sending = Pick<Redis, 'sendCommand'> & {
  readonly stream?: { readonly writableCorked: number; cork(): void; uncork(): void }
}

/** Has commands that are issued in one turn of the loop leave in one write, instead of one each; their order stays. */
export function writeTogether(redis: Redis): void {
  const sending = redis as unknown as Sending
  const send = sending.sendCommand.bind(redis)
  sending.sendCommand = (...args) => {
    const { stream } = sending
    if (stream !== undefined && stream.writableCorked === 0) {
      stream.cork()
      setImmediate(() => stream.uncork())
    }
    return send(...args)
  }
}
