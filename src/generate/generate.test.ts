import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settingsTable } from '../config/settings-table.ts'
import { errorTable } from '../errors.ts'
import { contributions, freshness, writeArtefacts } from './index.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const sources = { settings: settingsTable, errors: errorTable }
const made = contributions(sources)
const artefacts = made.flatMap((contribution) => contribution.artefacts)

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-generate-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('what is made from the catalogue', () => {
  test('is what stands in the repository', () => {
    expect(freshness(made, root)).toEqual({ missing: [], stale: [], leftOver: [] })
  })

  test('is the same at every run', () => {
    expect(contributions(sources)).toEqual(made)
  })

  test('says in its first line that it is made, wherever the format has comments', () => {
    for (const { path, text } of artefacts) {
      expect(text.endsWith('\n'), path).toBe(true)
      if (!path.endsWith('.json')) expect(text.split('\n')[0], path).toMatch(/^(# |<!-- )Generated from .+/)
    }
  })

  test('has each path once', () => {
    expect(new Set(artefacts.map(({ path }) => path)).size).toBe(artefacts.length)
  })
})

describe('files on disk', () => {
  test('are written where they are missing or stale, and not touched otherwise', () => {
    const at = join(folder, 'written')
    expect(writeArtefacts(made, at)).toHaveLength(artefacts.length)
    expect(writeArtefacts(made, at)).toEqual([])
    const path = 'docs/reference/errors.md'
    writeFileSync(join(at, path), 'changed by hand\n')
    expect(freshness(made, at)).toEqual({ missing: [], stale: [path], leftOver: [] })
    expect(writeArtefacts(made, at)).toEqual([path])
  })

  test('that nothing makes any more are named', () => {
    const at = join(folder, 'left-over')
    writeArtefacts(made, at)
    writeFileSync(join(at, 'prometheus/rules/gone.yml'), 'groups: []\n')
    expect(freshness(made, at).leftOver).toEqual(['prometheus/rules/gone.yml'])
  })
})

test('a series that is given another name makes dashboards, rules, their tests and the reference stale', {
  timeout: 60_000,
}, async () => {
  const copy = join(folder, 'copy')
  mkdirSync(join(copy, 'src'), { recursive: true })
  for (const part of ['catalogue', 'generate', 'report'])
    cpSync(join(root, 'src', part), join(copy, 'src', part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const fleet = join(copy, 'src/catalogue/fleet.ts')
  writeFileSync(fleet, readFileSync(fleet, 'utf8').replace('enginescope_tasks_stalled', 'enginescope_tasks_stuck'))

  const renamed = (await import(pathToFileURL(join(copy, 'src/generate/index.ts')).href)) as typeof import('./index.ts')
  const { stale } = renamed.freshness(renamed.contributions(sources), root)
  expect(stale).toContain('dashboards/Enginescope/enginescope-fleet.json')
  expect(stale).toContain('prometheus/rules/enginescope.yml')
  expect(stale).toContain('prometheus/tests/tasks.yml')
  expect(stale).toContain('docs/reference/metrics.md')
  expect(stale).not.toContain('docs/reference/errors.md')
})
