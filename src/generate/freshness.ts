import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Artefact, Contribution } from './artefact.ts'

/** How the files on disk stand against what the catalogue makes today. Paths are those of the artefacts. */
export type Freshness = {
  /** Not there. */
  readonly missing: readonly string[]
  /** There, but not what the catalogue makes. */
  readonly stale: readonly string[]
  /** In a folder of artefacts, and none of them: nothing makes it any more. */
  readonly leftOver: readonly string[]
}

/** Compares every artefact with its file below a folder. */
export function freshness(contributions: readonly Contribution[], root: string): Freshness {
  const artefacts = contributions.flatMap((contribution) => contribution.artefacts)
  const paths = new Set(artefacts.map(({ path }) => path))
  const present = contributions.flatMap(({ folders }) => folders).flatMap((folder) => filesIn(root, folder))
  return {
    missing: artefacts.filter(({ path }) => !existsSync(join(root, path))).map(({ path }) => path),
    stale: artefacts.filter((artefact) => differs(artefact, root)).map(({ path }) => path),
    leftOver: present.filter((path) => !paths.has(path)),
  }
}

/** Writes what is missing or stale. @returns the paths written; files that are as they should be are not touched. */
export function writeArtefacts(contributions: readonly Contribution[], root: string): readonly string[] {
  const { missing, stale } = freshness(contributions, root)
  const wanted = new Set([...missing, ...stale])
  const written = contributions.flatMap(({ artefacts }) => artefacts).filter(({ path }) => wanted.has(path))
  for (const { path, text } of written) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return written.map(({ path }) => path)
}

function differs({ path, text }: Artefact, root: string): boolean {
  const file = join(root, path)
  return existsSync(file) && readFileSync(file, 'utf8') !== text
}

function filesIn(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return []
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => `${folder}/${name}`)
}
