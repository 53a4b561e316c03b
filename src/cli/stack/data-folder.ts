import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { stampOfProcess } from './process-stamp.ts'
import { StackError } from './stack-error.ts'

const processMark = z.object({ name: z.string(), pid: z.int().positive(), stamp: z.string() })
const stackMark = z.object({ owner: processMark, url: z.string(), children: z.array(processMark) })
type ProcessMark = z.infer<typeof processMark>
type StackMark = z.infer<typeof stackMark>

/** The folder that holds everything of one local stack; used by one stack at a time. */
export type DataFolder = {
  readonly path: string
  /** Makes a folder in it. */
  readonly folder: (name: string) => string
  readonly logFile: (name: string) => string
  /** Notes a child, so that the next start finds it should it outlive us. */
  readonly note: (child: { readonly name: string; readonly pid: number }) => void
  /** Notes the address, for the message of whoever tries to use the folder as well. */
  readonly noteUrl: (url: string) => void
  /** Names of processes that a killed run had left behind and that were stopped. */
  readonly leftOver: readonly string[]
  readonly release: () => void
}

const stopWaitMs = 10_000

function readMark(path: string): StackMark | undefined {
  try {
    return stackMark.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // Absent, or cut by a crash: either way nobody can be found through it.
    return undefined
  }
}

const isAlive = ({ pid, stamp }: ProcessMark) => stampOfProcess(pid) === stamp

async function stopLeftOver(child: ProcessMark): Promise<void> {
  process.kill(child.pid, 'SIGTERM')
  for (let waitedMs = 0; isAlive(child) && waitedMs < stopWaitMs; waitedMs += 100) await pause(100)
  if (isAlive(child)) process.kill(child.pid, 'SIGKILL')
}

function claim(markPath: string, mark: StackMark, folder: string): void {
  try {
    writeFileSync(markPath, JSON.stringify(mark), { flag: 'wx' })
  } catch (error) {
    throw new StackError(`${folder} is being used by another stack that is just starting`, { cause: error })
  }
}

async function takeOver(markPath: string, folder: string): Promise<string[]> {
  const before = readMark(markPath)
  if (before !== undefined && isAlive(before.owner)) {
    const where = before.url === '' ? '' : ` at ${before.url}`
    throw new StackError(
      `a stack is already running in ${folder} (process ${before.owner.pid}${where}): stop it, or choose another folder with --data`,
    )
  }
  const orphans = (before?.children ?? []).filter(isAlive)
  await Promise.all(orphans.map(stopLeftOver))
  rmSync(markPath, { force: true })
  return orphans.map(({ name }) => name)
}

/**
 * Takes the folder for this process; makes it where it is not there. What a killed run has left running is stopped first.
 * @throws StackError when another stack uses it.
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const root = resolve(path)
  mkdirSync(join(root, 'logs'), { recursive: true, mode: 0o700 })
  const markPath = join(root, 'stack.json')
  const leftOver = await takeOver(markPath, root)
  let mark: StackMark = {
    owner: { name: 'up', pid: process.pid, stamp: stampOfProcess(process.pid) ?? '' },
    url: '',
    children: [],
  }
  claim(markPath, mark, root)
  const write = (next: StackMark) => {
    mark = next
    writeFileSync(`${markPath}.new`, JSON.stringify(mark))
    renameSync(`${markPath}.new`, markPath)
  }
  return {
    path: root,
    leftOver,
    folder: (name) => {
      mkdirSync(join(root, name), { recursive: true })
      return join(root, name)
    },
    logFile: (name) => join(root, 'logs', `${name}.log`),
    note: ({ name, pid }) => {
      const stamp = stampOfProcess(pid)
      if (stamp !== undefined) write({ ...mark, children: [...mark.children, { name, pid, stamp }] })
    },
    noteUrl: (url) => write({ ...mark, url }),
    release: () => rmSync(markPath, { force: true }),
  }
}
