import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readAuthFile } from '../access/auth-file.ts'
import { hashOfToken } from '../access/token.ts'
import { settingsTable } from '../config/settings-table.ts'
import { registerCheckConfig } from './check-config.ts'
import type { CliContext } from './context.ts'
import { registerToken } from './token.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-check-'))
})
afterEach(() => {
  process.exitCode = undefined
  rmSync(folder, { recursive: true })
})

const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

async function run(args: string[], env: CliContext['env'] = {}) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const program = new Command('enginescope').exitOverride()
  registerCheckConfig(program, { env, ...streams })
  registerToken(program, { env, ...streams })
  await program.parseAsync(args, { from: 'user' })
  streams.stdout.end()
  streams.stderr.end()
  return { exitCode: process.exitCode, stdout: await text(streams.stdout), stderr: await text(streams.stderr) }
}

describe('check-config', () => {
  test('a usable configuration exits 0 and names what differs from the defaults, and from where', async () => {
    const config = file('c.yaml', 'linger: 1m\n')
    const { exitCode, stdout } = await run(['check-config', '--config', config, '--lost-after', '30s'], {
      ENGINESCOPE_SHARDS: '4',
    })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/linger .*1m .*c\.yaml:1/)
    expect(stdout).toMatch(/lostAfter .*30s .*--lost-after/)
    expect(stdout).toMatch(/shards .*4 .*ENGINESCOPE_SHARDS/)
    expect(stdout).not.toContain('retention')
  })

  test('every fault of file, environment, flags and auth file is told at once, exit 78', async () => {
    const config = file('c.yaml', 'prot: 1\n')
    const authFile = file('tokens.yaml', 'tokens:\n  - name: a\n')
    const env = { ENGINESCOPE_AUTH_FILE: authFile, ENGINESCOPE_LEASE: 'x', ENGINESCOPE_PORTT: '1' }
    const { exitCode, stderr, stdout } = await run(['check-config', '--config', config, '--linger', '5'], env)
    expect([exitCode, stdout]).toEqual([78, ''])
    for (const part of ['c.yaml:1: prot', 'ENGINESCOPE_LEASE: ', '--linger: ', 'tokens.yaml:2: tokens[0].role'])
      expect(stderr).toContain(part)
    expect(stderr).toContain(
      'warning  ENGINESCOPE_PORTT: is no setting of this version and has no effect; did you mean ENGINESCOPE_PORT?',
    )
  })

  test('a listed runtime that could not be followed is a fault: a topic that is not allowed, an address that is none', async () => {
    const listed = 'runtimes:\n  - runtimeId: a\n    url: http://127.0.0.1:1\n    topics: [logs, "audit:2"]\n'
    const config = file('c.yaml', `${listed}  - runtimeId: b\n    url: nowhere\n`)
    const refused = await run(['check-config', '--config', config])
    expect(refused.exitCode).toBe(78)
    expect(refused.stderr).toMatch(/c\.yaml:1: runtimes: a: topics: audit is none .*ENGINESCOPE_RUNTIME_TOPICS/)
    expect(refused.stderr).toContain('runtimes: b: url must be')
    process.exitCode = undefined
    const allowed = file('d.yaml', `${listed}runtimeTopics: audit\n`)
    expect((await run(['check-config', '--config', allowed])).exitCode).toBe(0)
  })

  test('as JSON it can be read by programs, and secrets stay secret', async () => {
    const { stdout } = await run(['check-config', '--output', 'json'], {
      ENGINESCOPE_LOKI_URL: 'http://loki:3100',
      ENGINESCOPE_LOKI_TOKEN: 'hunter2',
    })
    const report = JSON.parse(stdout)
    expect(report.isUsable).toBe(true)
    expect(report.settings).toContainEqual({ name: 'lokiToken', value: '<secret>', source: 'ENGINESCOPE_LOKI_TOKEN' })
    expect(stdout).not.toContain('hunter2')
  })

  test('its help names every setting with flag and variable', () => {
    const program = new Command()
    registerCheckConfig(program, { env: {}, stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() })
    const help = program.commands[0]?.helpInformation() ?? ''
    for (const { flag, variable } of settingsTable) expect([help.includes(flag), help.includes(variable)]).toEqual([true, true])
  })
})

test('a new token is let in by the entry that is printed with it', async () => {
  const { stdout, stderr } = await run([
    'token',
    '--name',
    'spark',
    '--role',
    'report',
    '--namespace',
    'etl',
    '--namespace',
    'ml',
  ])
  const entry = stderr.slice(stderr.indexOf('  - name'))
  const { tokens } = readAuthFile(file('tokens.yaml', `tokens:\n${entry}`))
  expect(tokens).toEqual([
    { name: 'spark', sha256: hashOfToken(stdout.trim()), role: 'report', namespaces: new Set(['etl', 'ml']) },
  ])
})

test.each([
  ['--name', 'not one word'],
  ['--name', 'n'.repeat(101)],
  ['--namespace', 'a b'],
])('a token whose entry could not be read is not made: %s %s', async (flag, value) => {
  const words = flag === '--name' ? [flag, value] : ['--name', 'spark', flag, value]
  await expect(run(['token', ...words])).rejects.toThrow(/is invalid/)
})
