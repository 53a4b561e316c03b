import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { kubeSeries } from '../../src/catalogue/kube/index.ts'
import { root, textOf } from '../stack/compose-file.ts'

const filesIn = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
const readers = [...filesIn('dashboards', '.json'), ...filesIn('prometheus/rules', '.yml')]
const asked = new Set(readers.flatMap((path) => textOf(path).match(/\b(?:kube|container)_[a-z][a-z0-9_]*[a-z0-9]\b/g) ?? []))
const known = new Set(kubeSeries.map(({ name }) => name))

describe('of the series of the cluster', () => {
  test('dashboards and rules ask only for those of the catalogue', () => {
    expect(readers.length).toBeGreaterThan(10)
    expect([...asked].filter((name) => !known.has(name))).toEqual([])
  })
})
