// Second half of `npm run build`: carries over to dist/ what the compiler does not, and removes what has lost its source.
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'src')
const target = join(root, 'dist')

/** @param {string} folder @returns {string[]} files below it, relative to it */
function filesOf(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

/** @param {string} file of dist/ @returns {boolean} whether a source still stands behind it */
function hasSource(file) {
  const stem = file.replace(/(\.js|\.js\.map|\.d\.ts)$/, '')
  if (stem === file) return existsSync(join(source, file))
  return existsSync(join(source, `${stem}.ts`)) && !stem.endsWith('.test')
}

for (const file of filesOf(target)) {
  // A module that was moved or deleted would otherwise go on answering imports from dist/.
  const isCompiled = /\.(js|js\.map|d\.ts|lua)$/.test(file) && !file.startsWith('console') && !file.startsWith('examples')
  if (isCompiled && !hasSource(file)) rmSync(join(target, file))
}

for (const file of filesOf(source).filter((name) => name.endsWith('.lua'))) {
  mkdirSync(dirname(join(target, file)), { recursive: true })
  copyFileSync(join(source, file), join(target, file))
}
