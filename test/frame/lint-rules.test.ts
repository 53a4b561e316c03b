import { describe, expect, test } from 'vitest'
import { lintPlanted } from './planted-project.ts'

const sum = (terms: number) => Array.from({ length: terms }, (_, i) => `  total += ${i}\n`).join('')
const longFunction = (lines: number) => `export function long() {\n  let total = 0\n${sum(lines)}  return total\n}\n`
const branchyFunction = (branches: number) =>
  `export function branchy(n: number) {\n${Array.from({ length: branches }, (_, i) => `  if (n === ${i}) return ${i * 2}\n`).join('')}  return 0\n}\n`

describe('the linter objects', () => {
  test.each([
    {
      rule: 'suspicious/noImportCycles',
      files: {
        'src/jobs/a.ts': "import { b } from './b.ts'\nexport const a = () => b\n",
        'src/jobs/b.ts': "import { a } from './a.ts'\nexport const b = () => a\n",
      },
      at: ['src/jobs/a.ts', 'src/jobs/b.ts'],
    },
    {
      rule: 'nursery/noFloatingPromises',
      files: { 'src/jobs/a.ts': 'async function save() {\n  return 1\n}\nexport function go() {\n  save()\n}\n' },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'nursery/noMisusedPromises',
      files: {
        'src/jobs/a.ts':
          'async function isOpen() {\n  return true\n}\nexport function go() {\n  if (isOpen()) return 1\n  return 2\n}\n',
      },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'style/noProcessEnv',
      files: {
        'src/jobs/a.ts': "export const port = process.env['PORT']\n",
        'src/main.ts': "export const port = process.env['PORT']\n",
      },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'suspicious/noConsole',
      files: { 'src/jobs/a.ts': "console.log('x')\n", 'src/cli/a.ts': "console.log('x')\n", 'bench/a.ts': "console.log('x')\n" },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'style/noDefaultExport',
      files: { 'src/jobs/a.ts': 'export default 1\n', 'vitest.config.ts': 'export default 1\n' },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'style/noNonNullAssertion',
      files: { 'src/jobs/a.ts': 'export const size = (list?: string[]) => list!.length\n' },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'complexity/noExcessiveLinesPerFunction',
      files: { 'src/jobs/a.ts': longFunction(61), 'src/jobs/b.ts': longFunction(50), 'src/jobs/a.test.ts': longFunction(61) },
      at: ['src/jobs/a.ts'],
    },
    {
      rule: 'complexity/noExcessiveCognitiveComplexity',
      files: { 'src/jobs/a.ts': branchyFunction(13), 'src/jobs/b.ts': branchyFunction(12), 'test/a.ts': branchyFunction(13) },
      at: ['src/jobs/a.ts'],
    },
  ])('with $rule, and only where it holds', ({ rule, files, at }) => {
    expect(lintPlanted(files as Record<string, string>).toSorted()).toEqual(at.map((file) => `${rule} ${file}`))
  })
})
