import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StackChild } from './child.ts'
import { type Surroundings, startPart } from './part.ts'
import { findProgram, majorVersionOf } from './programs.ts'
import { StackError } from './stack-error.ts'

/** Our own Redis. It listens on a socket in the file system only: no port to clash, nobody else to reach it. */
export type RedisChild = StackChild & { readonly url: string; readonly socketPath: string }

// The longest path of a unix socket is 104 bytes on macOS, 108 on Linux, its end mark included.
const socketPathMaxBytes = 100
const install =
  'install it with `apt-get install redis-server` (Debian, Ubuntu), `dnf install redis` (Fedora) or `brew install redis` (macOS)'

function socketFor(folder: string): { path: string; remove: () => void } {
  const path = join(folder, 'redis.sock')
  if (Buffer.byteLength(path) <= socketPathMaxBytes) return { path, remove: () => rmSync(path, { force: true }) }
  const short = mkdtempSync(join(tmpdir(), 'enginescope-'))
  return { path: join(short, 'redis.sock'), remove: () => rmSync(short, { recursive: true, force: true }) }
}

// AOF with fsync on every write is what "a 2xx means done" rests on; RDB would only double the writing.
function argumentsFor(folder: string, socketPath: string, fsync: 'always' | 'everysec'): string[] {
  const settings: Readonly<Record<string, string>> = {
    port: '0',
    unixsocket: socketPath,
    unixsocketperm: '700',
    dir: folder,
    appendonly: 'yes',
    appendfsync: fsync,
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    loglevel: 'notice',
  }
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
}

/** Whether it answers commands; while it loads its file it answers `-LOADING`. */
function answersPing(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const settle = (isReady: boolean) => {
      socket.destroy()
      resolve(isReady)
    }
    socket.setTimeout(2000, () => settle(false))
    socket.once('error', () => settle(false))
    socket.once('data', (answer) => settle(answer.toString('latin1').startsWith('+PONG')))
    socket.once('connect', () => socket.write('PING\r\n'))
  })
}

/** @throws StackError naming the command that installs it. */
function findRedis(searchPath: string | undefined): string {
  const program = findProgram(['redis-server', 'valkey-server'], searchPath)
  if (program === undefined) throw new StackError(`redis-server is not installed: ${install}`)
  const major = majorVersionOf(program)
  if (major !== undefined && major < 7)
    throw new StackError(`${program} is version ${major}; version 7 or newer is needed: ${install}`)
  return program
}

/** Starts Redis and waits until it has read its file. @throws StackError */
export async function startRedisChild(around: Surroundings, fsync: 'always' | 'everysec' = 'always'): Promise<RedisChild> {
  const program = findRedis(around.env['PATH'])
  const folder = around.data.folder('redis')
  const socket = socketFor(folder)
  try {
    const child = await startPart(around, {
      name: 'redis',
      command: [program, ...argumentsFor(folder, socket.path, fsync)],
      graceMs: 30_000,
      isReady: () => answersPing(socket.path),
      readyTimeoutMs: 120_000,
    })
    void child.exited.then(socket.remove)
    return { ...child, socketPath: socket.path, url: `unix://${socket.path.split('/').map(encodeURIComponent).join('/')}` }
  } catch (error) {
    socket.remove()
    throw error
  }
}
