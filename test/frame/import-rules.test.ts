import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lintPlanted, root } from './planted-project.ts'

/** Files at the top of src that import nothing of it: whoever may import one may import all. */
const leaves = ['errors', 'pause']

/** Who may import whom, as CONTRIBUTING.md says it: what is not named is forbidden. */
const mayImport: Readonly<Record<string, readonly string[] | 'everything'>> = {
  report: [],
  reporter: [],
  config: leaves,
  access: leaves,
  http: leaves,
  catalogue: ['report'],
  jobs: ['report', 'catalogue', ...leaves],
  bus: ['report', 'catalogue', ...leaves, 'jobs'],
  ingest: ['report', 'jobs', 'bus', 'access', 'http', ...leaves],
  monitor: ['report', 'jobs', 'bus', 'access', ...leaves],
  series: ['bus', 'jobs', 'catalogue', 'report', ...leaves],
  insight: ['bus', 'jobs', 'catalogue', 'report', ...leaves],
  live: ['bus', 'jobs', 'catalogue', 'report', 'access', ...leaves],
  logs: ['bus', 'jobs', 'catalogue', 'report', ...leaves],
  api: ['jobs', 'report', 'access', 'http', ...leaves],
  hub: ['reporter', 'access', 'http', ...leaves],
  generate: ['catalogue'],
  serve: [
    'access',
    'api',
    'bus',
    'catalogue',
    'config',
    ...leaves,
    'http',
    'ingest',
    'insight',
    'jobs',
    'live',
    'logs',
    'monitor',
    'report',
    'series',
  ],
  cli: 'everything',
}

const folders = Object.keys(mayImport)
const importable = [...folders, ...leaves, 'main']
const pathOf = (target: string) => (folders.includes(target) ? `${target}/thing.ts` : `${target}.ts`)

/** One importing file per pair, at the folder's top and one level down. */
function everyPair() {
  return folders.flatMap((folder) =>
    importable
      .filter((target) => target !== folder)
      .flatMap((target) => [
        { folder, target, file: `src/${folder}/from-${target}.ts`, specifier: `../${pathOf(target)}` },
        { folder, target, file: `src/${folder}/deep/from-${target}.ts`, specifier: `../../${pathOf(target)}` },
      ]),
  )
}

const isForbidden = (folder: string, target: string) => {
  const allowed = mayImport[folder]
  return allowed !== 'everything' && !allowed?.includes(target)
}

describe('who may import whom', () => {
  test('every folder of src has a row', () => {
    const present = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
    expect(folders).toEqual(expect.arrayContaining(present))
  })

  test('src has no other file at its top than those the rules name', () => {
    const files = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isFile())
    expect(['main', ...leaves].flatMap((name) => [`${name}.ts`, `${name}.test.ts`])).toEqual(
      expect.arrayContaining(files.map((file) => file.name)),
    )
  })

  test('the linter objects to exactly the imports that no row allows', () => {
    const pairs = everyPair()
    const objections = lintPlanted(Object.fromEntries(pairs.map(({ file, specifier }) => [file, `import '${specifier}'\n`])))
    const forbidden = pairs.filter(({ folder, target }) => isForbidden(folder, target))
    expect(objections.toSorted()).toEqual(forbidden.map(({ file }) => `style/noRestrictedImports ${file}`).toSorted())
  })

  test('errors and pause import nothing, and a folder may import its own sub-folders', () => {
    const objections = lintPlanted({
      'src/errors.ts': "import './report/report.ts'\n",
      'src/pause.ts': "import './errors.ts'\n",
      'src/jobs/store.ts': "import './rules/order.ts'\n",
      'src/jobs/rules/order.ts': "import '../script/commit.ts'\n",
    })
    expect(objections.toSorted()).toEqual(leaves.map((leaf) => `style/noRestrictedImports src/${leaf}.ts`))
  })

  test('tests beside the code may import what they need', () => {
    expect(lintPlanted({ 'src/report/report.test.ts': "import '../jobs/store.ts'\n" })).toEqual([])
  })
})
