import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startProgram } from '../support/process.ts'
import { root } from './planted-project.ts'

const everything = ['redis-server', 'prometheus', 'promtool', 'prometheus-alertmanager', 'amtool']
let bin: string

/** A search path of its own: what lies there is all that is installed. */
beforeEach(() => {
  bin = join(mkdtempSync(join(tmpdir(), 'enginescope-setup-')), 'bin')
  mkdirSync(bin)
  for (const name of ['env', 'sh', 'touch', 'chmod', 'true']) symlinkSync(`/usr/bin/${name}`, join(bin, name))
})
afterEach(() => rmSync(join(bin, '..'), { recursive: true, force: true }))

function install(names: readonly string[], script = '') {
  for (const name of names) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
}

/** An apt-get that writes down how it was called and installs everything. sudo stands in where the tests are not run by root. */
function installApt(works: boolean) {
  const makeAll = everything.map((name) => `touch ${bin}/${name}; chmod 755 ${bin}/${name}`).join('\n')
  install(['apt-get'], `echo "$@" >> ${bin}/calls\n${works ? `case "$*" in *install*) ${makeAll} ;; esac` : 'exit 100'}`)
  install(['sudo'], 'shift; "$@"')
}

async function setup(...args: string[]) {
  const program = await startProgram(process.execPath, [join(root, 'scripts/setup.mjs'), ...args], { env: { PATH: bin } })
  const { code } = await program.exited
  return { code, said: program.stdout() + program.stderr() }
}

describe('set-up', () => {
  test('is silent when nothing is missing', async () => {
    install(everything)
    expect(await setup()).toEqual({ code: 0, said: '' })
  })

  test('installs what is missing, and only that', async () => {
    install(everything.filter((name) => name !== 'redis-server'))
    installApt(true)
    const { code, said } = await setup()
    expect({ code, said }).toEqual({ code: 0, said: 'setup: installing redis-server ...\n' })
    expect(readFileSync(join(bin, 'calls'), 'utf8')).toBe('-q -y update\n-q -y install --no-install-recommends redis-server\n')
  })

  test('only reports with --check', async () => {
    installApt(true)
    const { code, said } = await setup('--check')
    expect(code).toBe(1)
    expect(said).toContain('setup: Redis is missing (redis-server)')
    expect(said).toContain('apt-get install --no-install-recommends redis-server prometheus prometheus-alertmanager')
    expect(said).not.toContain('installing')
  })

  test('does without Prometheus and Alertmanager, and says what is left out', async () => {
    install(['redis-server', 'brew'])
    const { code, said } = await setup()
    expect(code).toBe(0)
    expect(said).toContain('Prometheus is missing (prometheus, promtool): the local stack has no Prometheus')
    expect(said).toContain('brew install prometheus')
  })

  test('fails when Redis is missing and cannot be installed', async () => {
    installApt(false)
    const { code, said } = await setup()
    expect(code).toBe(1)
    expect(said).toContain('apt-get update failed')
    expect(said).toContain('Redis is missing')
  })

  test('names the command of the system it is on', async () => {
    install(['dnf'])
    expect((await setup()).said).toContain('install with: sudo dnf install redis ')
  })
})
