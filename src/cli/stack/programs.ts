/** Finds the programs that the stack is made of. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The full path of the first of `names` that is installed. @param searchPath the variable `PATH` */
export function findProgram(names: readonly string[], searchPath: string | undefined): string | undefined {
  const folders = (searchPath ?? '').split(delimiter).filter((folder) => folder !== '')
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/**
 * What goes before a command so that the kernel ends it when this process dies, even of SIGKILL. Empty where the
 * system has no such tool: then the next start finds what was left over.
 */
export function diesWithParent(searchPath: string | undefined): readonly string[] {
  const setpriv = process.platform === 'linux' ? findProgram(['setpriv'], searchPath) : undefined
  if (setpriv === undefined) return []
  const prefix = [setpriv, '--pdeathsig', 'TERM', '--']
  // The tool of the same name in BusyBox does not know the flag.
  const trial = spawnSync(setpriv, [...prefix.slice(1), process.execPath, '--version'], { stdio: 'ignore', timeout: 5000 })
  return trial.status === 0 ? prefix : []
}

/** The major version in what `program --version` prints. */
export function majorVersionOf(program: string): number | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 5000 })
  const found = /\bv(?:ersion)?[ =]?(\d+)\./.exec(stdout ?? '')
  return found === null ? undefined : Number(found[1])
}
