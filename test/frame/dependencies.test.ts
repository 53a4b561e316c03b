import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from './planted-project.ts'

type LockEntry = {
  version?: string
  resolved?: string
  integrity?: string
  dev?: boolean
  hasInstallScript?: boolean
  link?: boolean
}

const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const lock: { packages: Record<string, LockEntry> } = readJson('package-lock.json')
const manifest: Record<'dependencies' | 'devDependencies', Record<string, string>> = readJson('package.json')
const entries = Object.entries(lock.packages).filter(([path]) => path !== '')
const runtime = entries.filter(([, entry]) => entry.dev !== true)
const runtimePackagesMax = 120
const namesOf = (list: [string, LockEntry][]) => list.map(([path]) => path)

describe('what is installed', () => {
  test(`at run time is at most ${runtimePackagesMax} packages`, () => {
    expect(runtime.length).toBeGreaterThan(0)
    expect(runtime.length).toBeLessThanOrEqual(runtimePackagesMax)
  })

  test('at run time runs no script while it is installed', () => {
    expect(namesOf(runtime.filter(([, entry]) => entry.hasInstallScript === true))).toEqual([])
    // The lock file is a copy; what counts is what the packages themselves say.
    const withScript = runtime.filter(([path]) => {
      if (!existsSync(join(root, path, 'package.json'))) return false
      const scripts: Record<string, string> = readJson(join(path, 'package.json')).scripts ?? {}
      return ['preinstall', 'install', 'postinstall'].some((name) => name in scripts)
    })
    expect(namesOf(withScript)).toEqual([])
  })

  test('is held by its hash, and by no address', () => {
    expect(namesOf(entries.filter(([, entry]) => !entry.integrity?.startsWith('sha512-')))).toEqual([])
    expect(namesOf(entries.filter(([, entry]) => entry.resolved !== undefined || entry.link === true))).toEqual([])
  })

  test.each(['dependencies', 'devDependencies'] as const)('has an exact version, and that is the locked one: %s', (kind) => {
    for (const [name, version] of Object.entries(manifest[kind])) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version)
    }
  })
})
