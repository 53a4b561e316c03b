import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Field 22 of `/proc/<pid>/stat`; the second field is a name in brackets that may hold anything. */
function startTicks(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/**
 * A word that tells this process from an earlier or later one with the same number: when it started.
 * `undefined` when there is no such process (or it is a zombie nobody has buried).
 */
export function stampOfProcess(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return /\) Z /.test(stat) ? undefined : startTicks(stat)
    } catch {
      return undefined
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout?.trim() || undefined
}
