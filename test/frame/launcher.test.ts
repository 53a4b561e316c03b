import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startProgram } from '../support/process.ts'
import { root } from './planted-project.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-launcher-'))
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  copyFileSync(join(root, 'bin/enginescope.js'), join(folder, 'bin/enginescope.js'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function launch(...args: string[]) {
  const program = await startProgram(process.execPath, [join(folder, 'bin/enginescope.js'), ...args])
  const { code } = await program.exited
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}

describe('the launcher', () => {
  test('says in one line what to do when nothing has been built', async () => {
    expect(await launch('serve')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'enginescope: not built yet; run `npm run build` first.\n',
    })
  })

  test('passes its arguments on, with source maps on', async () => {
    mkdirSync(join(folder, 'dist'))
    const main = 'console.log(JSON.stringify([process.argv.slice(2), process.sourceMapsEnabled])); process.exitCode = 78'
    writeFileSync(join(folder, 'dist/main.js'), main)
    expect(await launch('serve', '--port', '1', '')).toEqual({
      code: 78,
      stdout: '[["serve","--port","1",""],true]\n',
      stderr: '',
    })
  })
})
