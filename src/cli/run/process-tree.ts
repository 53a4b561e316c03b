import { readdirSync, readFileSync } from 'node:fs'

/** What a process and everything it started uses. */
export type TreeUsage = {
  /** Cumulative, with processes that have ended; never falls. */
  readonly cpuSeconds: number
  /** Sum of resident memory; pages that processes share count for each of them. */
  readonly memoryBytes: number
  readonly processes: number
}

type ProcessStat = { readonly pid: number; readonly parent: number; readonly startTicks: number; readonly cpuTicks: number }

/** Linux counts CPU time for user space in hundredths of a second on every common architecture. */
const ticksPerSecond = 100

/**
 * Usage of a process tree as Linux tells it. A process stays a member when its parent ends and it is taken over by another.
 * CPU time of a member that ended is found with the parent that waited for it.
 */
export class ProcessTree {
  readonly #rootPid: number
  readonly #procPath: string
  #members = new Map<number, ProcessStat>()
  #lostTicks = 0
  #mostTicks = 0

  constructor(rootPid: number, procPath = '/proc') {
    this.#rootPid = rootPid
    this.#procPath = procPath
  }

  /** The usage now; undefined where the system does not tell. */
  sample(): TreeUsage | undefined {
    const all = this.#processes()
    if (all === undefined) return undefined
    const members = this.#membersOf(all)
    this.#lostTicks += this.#ticksLost(members)
    this.#members = members
    let ticks = this.#lostTicks
    let memoryBytes = 0
    for (const member of members.values()) {
      ticks += member.cpuTicks
      memoryBytes += this.#memoryOf(member.pid)
    }
    this.#mostTicks = Math.max(this.#mostTicks, ticks)
    return { cpuSeconds: cpuSecondsOf(this.#mostTicks), memoryBytes, processes: members.size }
  }

  #membersOf(all: ReadonlyMap<number, ProcessStat>): Map<number, ProcessStat> {
    const members = new Map<number, ProcessStat>()
    const children = groupByParent(all)
    const add = (stat: ProcessStat | undefined) => {
      if (stat === undefined || members.has(stat.pid)) return
      members.set(stat.pid, stat)
      for (const child of children.get(stat.pid) ?? []) add(child)
    }
    add(all.get(this.#rootPid))
    for (const known of this.#members.values()) {
      const now = all.get(known.pid)
      if (now?.startTicks === known.startTicks) add(now)
    }
    return members
  }

  /** CPU time of members that are gone and whose parent was none of ours: nobody of the tree waited for them. */
  #ticksLost(now: ReadonlyMap<number, ProcessStat>): number {
    let ticks = 0
    for (const known of this.#members.values()) {
      const isGone = now.get(known.pid)?.startTicks !== known.startTicks
      if (isGone && !this.#members.has(known.parent) && known.pid !== this.#rootPid) ticks += known.cpuTicks
    }
    return ticks
  }

  #processes(): Map<number, ProcessStat> | undefined {
    const all = new Map<number, ProcessStat>()
    try {
      for (const name of readdirSync(this.#procPath)) {
        const stat = /^\d+$/.test(name) ? this.#statOf(name) : undefined
        if (stat !== undefined) all.set(stat.pid, stat)
      }
    } catch {
      return undefined
    }
    return all.size === 0 ? undefined : all
  }

  #statOf(name: string): ProcessStat | undefined {
    const fields = statFields(`${this.#procPath}/${name}/stat`)
    if (fields === undefined) return undefined
    const [parent, startTicks] = [fields[1], fields[19]]
    return { pid: Number(name), parent: Number(parent), startTicks: Number(startTicks), cpuTicks: sumOf(fields.slice(11, 15)) }
  }

  #memoryOf(pid: number): number {
    const status = read(`${this.#procPath}/${pid}/status`)
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1] ?? 0) * 1024
  }
}

/** CPU time of all children that this process has waited for, in whole ticks; undefined where the system does not tell. */
export function endedChildrenCpuTicks(): number | undefined {
  const fields = statFields('/proc/self/stat')
  return fields === undefined ? undefined : sumOf(fields.slice(13, 15))
}

/** Differences are taken in ticks, before this: one of seconds is not exact (0.82 - 0.02 < 0.8). */
export function cpuSecondsOf(ticks: number): number {
  return ticks / ticksPerSecond
}

/** Whether the terminal sends its signals to this process and so to its children too. */
export function isTerminalForeground(): boolean {
  const fields = statFields('/proc/self/stat')
  return fields !== undefined && fields[4] !== '0' && fields[2] === fields[5]
}

/** The fields of a stat file behind the command's name, which may itself hold blanks and brackets. */
function statFields(path: string): string[] | undefined {
  const text = read(path)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** The file's text; undefined when it cannot be read, as when its process ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

function sumOf(fields: readonly string[]): number {
  return fields.reduce((sum, field) => sum + Number(field), 0)
}

function groupByParent(all: ReadonlyMap<number, ProcessStat>): Map<number, ProcessStat[]> {
  const children = new Map<number, ProcessStat[]>()
  for (const stat of all.values()) {
    const siblings = children.get(stat.parent)
    if (siblings === undefined) children.set(stat.parent, [stat])
    else siblings.push(stat)
  }
  return children
}
