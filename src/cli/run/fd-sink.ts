import { write } from 'node:fs'
import { Writable } from 'node:stream'

const againMs = 5

/**
 * Writes to a file descriptor without holding up this process. Node writes to pipes synchronously: a reader that pauses,
 * as a pager does, would stop all reports and the engine would be taken for lost.
 */
export function fdSink(fd: number): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => writeAll(fd, chunk, done),
  })
}

function writeAll(fd: number, bytes: Buffer, done: (error?: Error | null) => void): void {
  write(fd, bytes, (error, written) => {
    // Somebody who shares the descriptor has made it non-blocking, and it is full.
    if (error?.code === 'EAGAIN') setTimeout(() => writeAll(fd, bytes, done), againMs)
    else if (error) done(error)
    else if (written < bytes.length) writeAll(fd, bytes.subarray(written), done)
    else done()
  })
}
