/** Real files for the engines to work on. */
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { shipped } from '../stack/package-folder.ts'
import { StackError } from '../stack/stack-error.ts'

const filesMax = 24
const textName = /\.([cm]?js|ts|md|json)$/

/** The folder with the most text near this program: its dependencies, or its own code. @throws StackError when there is none */
export function textFolder(): string {
  const folder = shipped('node_modules') ?? shipped('dist')
  if (folder === undefined) throw new StackError('there is no folder with texts beside this program')
  return folder
}

type Sized = { readonly path: string; readonly bytes: number }

function largestBelow(folder: string): Sized[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && textName.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((path) => ({ path, bytes: statSync(path).size }))
  return files.sort((a, b) => b.bytes - a.bytes).slice(0, filesMax)
}

/** Copies the largest texts below a folder into an empty one, for a program that replaces what it works on. */
export function copyTexts(from: string, to: string): string[] {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  return largestBelow(from).map(({ path }, index) => {
    const copy = join(to, `text-${String(index + 1).padStart(2, '0')}`)
    copyFileSync(path, copy)
    return copy
  })
}

/** A copy of an archive that ends in the middle, as after a disk that was full. */
export function cutCopy(archive: string): string {
  const copy = join(dirname(archive), 'cut.gz')
  copyFileSync(archive, copy)
  truncateSync(copy, Math.floor(statSync(copy).size / 2))
  return copy
}
