/** Holds our own rendering against kubectl's, where one is installed that brings kustomize 5 (Debian 12 has an older one). */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { root } from '../stack/compose-file.ts'
import type { Kustomization } from './kustomize.ts'
import { idOf, type KubeObject } from './objects.ts'
import { besideAnother, folders, inAnotherNamespace, ofGuide, rendered, renderedOf } from './rendered.ts'

const version = spawnSync('kubectl', ['version', '--client'], { encoding: 'utf8' }).stdout ?? ''
const hasKustomize = Number(/Kustomize Version: v(\d+)/.exec(version)?.[1] ?? 0) >= 5

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'enginescope-kustomize-')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function kubectl(path: string): KubeObject[] {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', path], { encoding: 'utf8', maxBuffer: 32 * 1024 * 1024 })
  if (status !== 0) throw new Error(stderr)
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject)
}

const sorted = (objects: readonly KubeObject[]) => [...objects].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))

describe.runIf(hasKustomize)('kubectl (skipped where there is none with kustomize 5) makes the same of', () => {
  test.each(folders)('%s', (path) => {
    expect(sorted(kubectl(join(root, path)))).toEqual(sorted(rendered(path)))
  })

  test.each<[string, Kustomization]>([
    ['an overlay with a component on top', besideAnother],
    ['an overlay in another namespace', inAnotherNamespace],
    ...ofGuide.map((kustomization, index): [string, Kustomization] => [`example ${index + 1} of the guide`, kustomization]),
  ])('%s', (_what, kustomization) => {
    const from = (paths: readonly string[] = []) => paths.map((path) => relative(folder, join(root, path)))
    const file = { ...kustomization, resources: from(kustomization.resources), components: from(kustomization.components) }
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(file))
    expect(sorted(kubectl(folder))).toEqual(sorted(renderedOf(kustomization)))
  })
})
