import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { byLicense, csv, joined, Totals } from '../examples/runtime/census.ts'
import { importsOf, manifestOf, packageOf, rowOf, type SourceRow } from '../examples/runtime/sources.ts'
import { type StepContext, steps, type TokenEntries } from '../examples/runtime/steps.ts'

describe('a source file', () => {
  test('imports packages by name, each once: no relative paths, no parts of Node', () => {
    const text = `import a from 'a'\nimport { b } from "@s/b/deep"\nconst c = require('c/lib/x')\nawait import('a')
      import './own.ts'\nimport fs from 'node:fs'\nimport os from 'os'\nexport * from '../up'`
    expect(importsOf(text)).toEqual(['a', '@s/b', 'c'])
  })

  test.each([
    ['/n/node_modules/left/index.js', 'left'],
    ['/n/node_modules/@s/b/lib/x.js', '@s/b'],
    ['/n/node_modules/a/node_modules/b/x.js', 'b'],
    ['/n/own/x.js', 'own'],
  ])('%s belongs to %s', (path, name) => {
    expect(packageOf(path, '/n')).toBe(name)
  })

  test('is a row with its lines; what is no text is none', () => {
    expect(rowOf('/n/a/x.JS', '/n', 'one\ntwo\n')).toMatchObject({ package: 'a', extension: 'js', lines: 2, bytes: 8 })
    expect(rowOf('/n/a/x', '/n', 'one\ntwo')).toMatchObject({ extension: 'none', lines: 2 })
    expect(rowOf('/n/a/x.js', '/n', 'a\0b')).toBeUndefined()
    expect([manifestOf('{"name":"a"}'), manifestOf('nothing')]).toEqual([undefined, undefined])
  })
})

test('rows are added up by package, who imports it counted once, and joined to what it says of itself', () => {
  const row = (name: string, lines: number, imports: string[]): SourceRow => ({
    package: name,
    extension: 'js',
    bytes: 10,
    lines,
    imports,
  })
  const totals = new Totals()
  for (const each of [row('a', 5, ['b', 'a']), row('a', 7, ['b']), row('b', 100, []), row('c', 1, ['b', 'zip'])]) totals.add(each)
  const { rows, unmatched } = joined(totals.all(), [
    { name: 'a', version: '1', license: 'MIT' },
    { name: 'b', version: '2', license: 'MIT' },
    { name: 'c', version: '3', license: 'ISC, or "else"' },
  ])
  expect(rows.map(({ name, lines, files, importedBy }) => [name, lines, files, importedBy])).toEqual([
    ['b', 100, 1, 2],
    ['a', 12, 2, 0],
    ['c', 1, 1, 0],
  ])
  expect(unmatched).toBe(1)
  expect(csv(['license', 'packages'], byLicense(rows))).toBe('license,packages\r\nMIT,2\r\n"ISC, or ""else""",1\r\n')
})

describe('the steps', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'enginescope-census-'))
    for (const name of ['in/node_modules/left', 'in/node_modules/right', 'work', 'out'])
      mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'in/node_modules/left/package.json'), '{"name":"left","version":"1.0.0","license":"MIT"}')
    writeFileSync(join(folder, 'in/node_modules/left/index.js'), "import r from 'right'\n")
    writeFileSync(join(folder, 'in/node_modules/right/index.js'), 'export default 1\n\n')
    writeFileSync(join(folder, 'in/node_modules/right/bad.js'), '\0')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('hand on what the next ones need, say what they read and write, and leave the tables', async () => {
    const token: Record<string, TokenEntries> = {}
    const touched: string[] = []
    const lines: string[] = []
    const context: StepContext = {
      folder: join(folder, 'in'),
      workFolder: join(folder, 'work'),
      outputFolder: join(folder, 'out'),
      bytesMax: 1_000_000,
      token: (step, name) => token[step]?.[name] ?? '',
      touch: (access, path) => touched.push(`${access} ${path.slice(folder.length + 1)}`),
      advance: () => Promise.resolve(),
      log: (level, line) => lines.push(`${level} ${line}`),
    }
    for (const step of steps) token[step.name] = await step.work(context)
    expect(readFileSync(join(folder, 'out/packages.csv'), 'utf8')).toBe(
      'name,version,license,files,lines,bytes,importedBy\r\nleft,1.0.0,MIT,1,1,22,0\r\n',
    )
    expect(token).toMatchObject({
      extract: { textsFound: '3', manifestsFound: '1' },
      parse: { rowsRead: '2', rowsRejected: '1' },
      join: { matched: '1', unmatched: '1' },
    })
    const written = touched.flatMap((text) => (text.startsWith('WRITE work/') ? [text.slice('WRITE '.length)] : []))
    expect(written.filter((path) => touched.includes(`READ ${path}`))).toEqual(written)
    expect(lines.filter((line) => line.startsWith('WARN'))).toHaveLength(2)
  })
})
