import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { registerGenerate } from './generate.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-generate-'))
})
afterEach(() => {
  process.exitCode = undefined
  rmSync(folder, { recursive: true })
})

async function generate(...args: string[]) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const program = new Command('enginescope').exitOverride()
  registerGenerate(program, { env: {}, ...streams })
  await program.parseAsync(['generate', '--into', folder, ...args], { from: 'user' })
  streams.stdout.end()
  streams.stderr.end()
  return { exitCode: process.exitCode, stdout: await text(streams.stdout), stderr: await text(streams.stderr) }
}

describe('generate', () => {
  test('writes every artefact and names it; a second run has nothing to write', async () => {
    const first = await generate()
    expect(first.exitCode).toBe(0)
    expect(first.stdout).toContain('written    prometheus/rules/enginescope.yml\n')
    expect(first.stdout).toContain('written    dashboards/Enginescope/enginescope-fleet.json\n')
    expect((await generate()).stdout).toMatch(/^\d+ files are up to date\.\n$/)
  })

  test('--check writes nothing, lists what is missing, stale and left over, and leaves with 1', async () => {
    await generate()
    expect(await generate('--check')).toMatchObject({ exitCode: 0, stderr: '' })
    unlinkSync(join(folder, 'docs/reference/errors.md'))
    writeFileSync(join(folder, 'prometheus/rules/enginescope.yml'), 'groups: []\n')
    writeFileSync(join(folder, 'prometheus/rules/old.yml'), 'groups: []\n')
    const { exitCode, stdout, stderr } = await generate('--check')
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr.split('\n').slice(0, 3)).toEqual([
      'missing    docs/reference/errors.md',
      'stale      prometheus/rules/enginescope.yml',
      'left over  prometheus/rules/old.yml: nothing makes it any more, delete it',
    ])
    expect(readFileSync(join(folder, 'prometheus/rules/enginescope.yml'), 'utf8')).toBe('groups: []\n')
  })

  test('takes the addresses of an installation for the links in alerts', async () => {
    await generate('--grafana-url', 'https://g.example/', '--runbook-url', 'https://wiki.example/es', '--job', 'es')
    const rules = readFileSync(join(folder, 'prometheus/rules/enginescope.yml'), 'utf8')
    expect(rules).toContain('https://wiki.example/es#enginescopedown')
    expect(rules).toContain('https://g.example/d/enginescope-self?var-job=es')
    expect(rules).not.toMatch(/localhost|docs\/runbook/)
  })
})
