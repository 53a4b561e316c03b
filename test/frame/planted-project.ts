/** The frame's own tests: a guard that checks nothing is worse than none, so each one is seen to object. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** One objection of the linter: `<rule> <file>`, e.g. `style/noRestrictedImports src/api/a.ts`. */
export type Objection = `${string}/${string} ${string}`

/** A folder elsewhere that holds only the given files and this project's lint rules. @param files path → text */
export function lintPlanted(files: Readonly<Record<string, string>>): Objection[] {
  const folder = mkdtempSync(join(tmpdir(), 'enginescope-planted-'))
  try {
    const rules = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
    // The copy is no git work tree; everything else stays as it is.
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ ...rules, vcs: { enabled: false } }))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    return objectionsIn(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function objectionsIn(folder: string): Objection[] {
  const run = spawnSync(join(root, 'node_modules/.bin/biome'), ['lint', '--reporter=github', '--max-diagnostics=none', '.'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (run.status === null) throw new Error('the linter did not run', { cause: run.error })
  const found = run.stdout.matchAll(/^::\w+ title=lint\/(?<rule>[\w/]+),file=(?<file>[^,]+)/gm)
  return [...found].map(({ groups }) => {
    const file = String(groups?.['file'])
    const path = file.startsWith('/') ? file.slice(file.indexOf(folder) + folder.length + 1) : file
    return `${String(groups?.['rule'])} ${path}` as Objection
  })
}
