import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { StackError } from './stack-error.ts'

/** How a child ended. */
export type ChildExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type ChildSpec = {
  readonly name: string
  /** The program and its arguments. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Takes its output. The one of the run before is kept as `<logFile>.1`. */
  readonly logFile: string
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number
  /** From {@link diesWithParent}. */
  readonly prefix: readonly string[]
}

/** A running part of the stack. */
export type StackChild = {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  readonly exited: Promise<ChildExit>
  /** The end, once it has come. */
  readonly exit: () => ChildExit | undefined
  /** SIGTERM, after the grace SIGKILL; resolves when it has left. */
  readonly stop: () => Promise<ChildExit>
  readonly kill: () => void
  /** The newest lines of its output, at most 8 KiB of them. */
  readonly lastLines: (count: number) => string[]
}

const logMaxBytes = 64 * 1024 * 1024
const logCheckMs = 60_000
const lastLinesMaxBytes = 8192

function startLog(path: string): number {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) renameSync(path, `${path}.1`)
  return openSync(path, 'a+')
}

// The child appends to the same open file, so it goes on writing at the new end after the cut.
function boundLog(path: string, fd: number): void {
  if (fstatSync(fd).size <= logMaxBytes) return
  copyFileSync(path, `${path}.1`)
  ftruncateSync(fd)
}

function endOf(path: string, count: number): string[] {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const bytes = Buffer.alloc(Math.min(size, lastLinesMaxBytes))
    readSync(fd, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8').trimEnd().split('\n').slice(-count)
  } finally {
    closeSync(fd)
  }
}

/** `exit code 1`, `SIGKILL`. */
export function exitText({ code, signal }: ChildExit): string {
  return signal ?? `exit code ${code}`
}

function exitOf(running: ChildProcess, log: { fd: number; timer: NodeJS.Timeout }): Promise<ChildExit> {
  return new Promise((resolve) => {
    running.once('exit', (code, signal) => {
      clearInterval(log.timer)
      closeSync(log.fd)
      resolve({ code, signal })
    })
  })
}

/** Starts a program with its output in a file and in a process group of its own: Ctrl-C reaches only us, and we stop it in order. */
export async function startChild(spec: ChildSpec): Promise<StackChild> {
  const [command = '', ...args] = [...spec.prefix, ...spec.command]
  const fd = startLog(spec.logFile)
  const running = spawn(command, args, { stdio: ['ignore', fd, fd], env: spec.env, detached: true })
  try {
    await new Promise((resolve, reject) => running.once('spawn', resolve).once('error', reject))
  } catch (error) {
    closeSync(fd)
    throw new StackError(`${spec.name}: ${command} cannot be started`, { cause: error })
  }
  const timer = setInterval(() => boundLog(spec.logFile, fd), logCheckMs).unref()
  let ended: ChildExit | undefined
  const exited = exitOf(running, { fd, timer }).then((exit) => {
    ended = exit
    return exit
  })
  return {
    name: spec.name,
    pid: running.pid ?? 0,
    logFile: spec.logFile,
    exited,
    exit: () => ended,
    stop: async () => {
      if (ended === undefined) running.kill('SIGTERM')
      const force = setTimeout(() => running.kill('SIGKILL'), spec.graceMs)
      const exit = await exited
      clearTimeout(force)
      return exit
    },
    kill: () => void running.kill('SIGKILL'),
    lastLines: (count) => endOf(spec.logFile, count),
  }
}

export type Wait = { readonly timeoutMs: number; readonly signal: AbortSignal; readonly everyMs?: number }

/**
 * Asks again and again until the child says that it is ready.
 * @throws StackError with the end of its log when it leaves or the time is over; the reason of the signal when aborted.
 */
export async function waitUntilReady(child: StackChild, isReady: () => Promise<boolean>, wait: Wait): Promise<void> {
  const deadlineMs = performance.now() + wait.timeoutMs
  while (!(await isReady())) {
    wait.signal.throwIfAborted()
    const exit = child.exit()
    if (exit !== undefined)
      throw new StackError(`${child.name} ended at once (${exitText(exit)})`, { lines: child.lastLines(20) })
    if (performance.now() > deadlineMs) {
      throw new StackError(`${child.name} is not ready after ${wait.timeoutMs / 1000} s`, { lines: child.lastLines(20) })
    }
    await pause(wait.everyMs ?? 100)
  }
}

/** Whether a URL answers 200 within two seconds. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000), redirect: 'manual' })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    // Not there yet, which is what is asked.
    return false
  }
}
