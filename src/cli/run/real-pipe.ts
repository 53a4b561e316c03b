import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** A pipe of the operating system: `source` is our end, `sinkFd` is for the child. */
export type RealPipe = { readonly source: Readable; readonly sinkFd: number; readonly closeSink: () => void }

/**
 * Makes pipes. Node's own are sockets: a command that opens /dev/stdout fails on them, and one whose reader is gone
 * is told "connection reset" instead of being ended by SIGPIPE.
 * @returns undefined where the system has no way to make them
 */
export function realPipes(count: number): RealPipe[] | undefined {
  const made: RealPipe[] = []
  let folder: string | undefined
  try {
    folder = mkdtempSync(join(tmpdir(), 'enginescope-run-'))
    const paths = Array.from({ length: count }, (_, index) => join(folder ?? '', String(index)))
    if (spawnSync('mkfifo', ['-m', '600', ...paths], { stdio: 'ignore', timeout: 5_000 }).status !== 0) return undefined
    for (const path of paths) made.push(openPipe(path))
    return made
  } catch {
    for (const pipe of made) {
      pipe.closeSink()
      pipe.source.destroy()
    }
    return undefined
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}

function openPipe(path: string): RealPipe {
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const sinkFd = openSync(path, constants.O_WRONLY)
  const source = new Socket({ fd: readFd, readable: true, writable: false })
  return { source, sinkFd, closeSink: () => closeSync(sinkFd) }
}
